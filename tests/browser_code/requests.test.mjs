import assert from "node:assert/strict"
import { test } from "node:test"

import { requestBulk } from "../../sslapp/ui/components/review/requests.js"

// As much of the desk as a bulk decision asks for; `asked` is what Python was asked for.
function openDesk(given = {}) {
  const nodes = {}
  const asked = []
  const desk = {
    find: name => (nodes[name] ??= { textContent: "", hidden: true }),
    notify: (name, request) => asked.push([name, request]),
    outbox: { state: () => ({ unsent: 0, trouble: "" }) },
    data: { total: 7, workspace: "w" }, selection: "s", sheet: "t",
    decided: new Map(), rejected: new Set(), excluded: new Set([5, 3]), opened: new Set([1]), seen: new Set(),
    tiles: new Map(), proven: true, changedAt: -Infinity, ...given,
  }
  return { desk, asked, said: () => nodes.cue?.textContent ?? "" }
}

test("a bulk decision says what is left out and what its button said", () => {
  const { desk, asked } = openDesk()
  requestBulk(desk, "accept")
  const [[name, request]] = asked
  assert.equal(name, "ask")
  assert.deepEqual(request.excluded, [3, 5])
  assert.equal(request.action, "accept")
  assert.equal(request.proven, true)
  assert.equal(desk.bulkTotal, 7)
  const other = openDesk({ proven: false })
  requestBulk(other.desk, "accept")
  assert.equal(other.asked[0][1].proven, false)
})

test("a press just after the buttons changed asks for nothing and says why", () => {
  const { desk, asked, said } = openDesk({ changedAt: performance.now() - 100 })
  requestBulk(desk, "accept")
  assert.deepEqual(asked, [])
  assert.match(said(), /just changed/)
  desk.changedAt = performance.now() - 5000
  requestBulk(desk, "accept")
  assert.equal(asked.length, 1)
})

test("nothing selected asks for nothing", () => {
  const { desk, asked } = openDesk({ data: { total: 2, workspace: "w" } })
  requestBulk(desk, "accept")
  assert.deepEqual(asked, [])
})
