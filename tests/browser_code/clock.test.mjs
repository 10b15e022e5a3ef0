import assert from "node:assert/strict"
import { test } from "node:test"

import { epochMillis, makeClock } from "../../sslapp/ui/components/common/clock.js"
import { openPage } from "./page.mjs"

const SECOND = 1000

function started(context) {
  const page = openPage(context)
  const clock = makeClock()
  clock.start()
  const alive = () => page.window.dispatchEvent(new Event("pointermove"))
  const show = shown => {
    page.document.hidden = !shown
    page.document.dispatchEvent(new Event("visibilitychange"))
  }
  return { clock, alive, show, pass: seconds => page.pass(seconds * SECOND) }
}

test("short gaps count in full", async context => {
  const { clock, alive, pass } = started(context)
  await pass(12)
  alive()
  await pass(29)
  assert.equal(clock.read(), 41 * SECOND)
})

test("of a long look the first half minute counts", async context => {
  const { clock, alive, pass } = started(context)
  await pass(31)
  assert.equal(clock.read(), 30 * SECOND)
  await pass(600)
  alive()
  await pass(5)
  assert.equal(clock.read(), (30 + 30 + 5) * SECOND)
})

test("a hidden tab counts up to its hiding and from its showing", async context => {
  const { clock, alive, show, pass } = started(context)
  await pass(45)
  show(false)
  assert.equal(clock.read(), 30 * SECOND)
  await pass(10)
  alive()
  assert.equal(clock.read(), 30 * SECOND)
  await pass(10)
  show(true)
  await pass(4)
  assert.equal(clock.read(), 34 * SECOND)
})

test("each start begins anew", async context => {
  const { clock, pass } = started(context)
  await pass(20)
  clock.start()
  await pass(3)
  assert.equal(clock.read(), 3 * SECOND)
})

test("a stopped clock hears nothing any more", async context => {
  const { clock, alive, pass } = started(context)
  clock.stop()
  await pass(20)
  alive()
  await pass(20)
  assert.equal(clock.read(), 30 * SECOND) // one gap: what was done in it was not heard
})

test("a moment is told in milliseconds since 1970, to a tenth", context => {
  openPage(context)
  const told = epochMillis(12.3456)
  const spacing = 2 ** -12 // of numbers as large as such moments
  assert.ok(Math.abs(told - (performance.timeOrigin + 12.3456)) <= 0.05 + spacing)
  assert.ok(Math.abs(told * 10 - Math.round(told * 10)) < 1e-3)
  assert.equal(epochMillis(), epochMillis(1000)) // the page's clock stands at a second
})
