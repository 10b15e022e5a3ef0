import assert from "node:assert/strict"
import { test } from "node:test"

import { mounted } from "../../sslapp/ui/components/common/mounting.js"

function logged(name, log) {
  return mounted(component => {
    log.push(`${name} opens ${component.data}`)
    return {
      update: ({ data }) => log.push(`${name} takes ${data}`),
      close: () => log.push(`${name} closes`),
    }
  })
}

test("a component opens, takes new data and closes", () => {
  const log = []
  const show = logged("it", log)
  const parentElement = {}
  show({ data: 1, parentElement })
  show({ data: 2, parentElement })()
  show({ data: 3, parentElement })
  assert.deepEqual(log, ["it opens 1", "it takes 2", "it closes", "it opens 3"])
})

test("a call that is ended after a later one has begun ends nothing", () => {
  const log = []
  const show = logged("it", log)
  const parentElement = {}
  const first = show({ data: 1, parentElement })
  const second = show({ data: 2, parentElement })
  first()
  assert.ok(!log.includes("it closes"))
  second()
  second()
  assert.deepEqual(log, ["it opens 1", "it takes 2", "it closes"])
})

test("each element has an instance of its own", () => {
  const log = []
  const show = logged("it", log)
  const end = show({ data: 1, parentElement: {} })
  show({ data: 2, parentElement: {} })
  end()
  assert.deepEqual(log, ["it opens 1", "it opens 2", "it closes"])
})

test("another version of the code ends what the one before began", () => {
  const log = []
  const parentElement = {}
  const before = logged("old", log)({ data: 1, parentElement })
  logged("new", log)({ data: 2, parentElement })
  before()
  assert.deepEqual(log, ["old opens 1", "old closes", "new opens 2"])
})
