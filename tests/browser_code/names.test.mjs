import assert from "node:assert/strict"
import { test } from "node:test"

import { folded, makeLately, matching } from "../../sslapp/ui/components/common/names.js"
import { openPage } from "./page.mjs"

const CLASSES = ["Öl", "Spaniel", "español", "Straße", "pan", "Boil"].map((name, id) => ({ id, name }))
const names = found => found.map(each => each.name)

test("names are compared without case, accents and the width of letters", () => {
  assert.equal(folded("  ÉSPAÑOL "), "espanol")
  assert.equal(folded("STRASSE"), folded("Straße"))
  assert.equal(folded("ｃａｔ"), "cat")
  assert.equal(folded("e\u0301"), folded("\u00e9"))
})

test("names that begin with what was typed come before those that hold it", () => {
  assert.deepEqual(names(matching(CLASSES, "pan")), ["pan", "Spaniel", "español"])
  assert.deepEqual(names(matching(CLASSES, "O")), ["Öl", "español", "Boil"])
  assert.deepEqual(names(matching(CLASSES, "strasse")), ["Straße"])
  assert.deepEqual(matching(CLASSES, "none such"), [])
  assert.deepEqual(names(matching([{ id: 1, name: "a.*b" }], ".*")), ["a.*b"])
})

test("for nothing typed the latest given come first, and every class once", () => {
  const found = names(matching(CLASSES, " ", [4, 99, 0]))
  assert.deepEqual(found, ["pan", "Öl", "Spaniel", "español", "Straße", "Boil"])
})

test("the latest classes are kept for every tab, each once and ten at most", context => {
  const page = openPage(context)
  const kept = new Map()
  const localStorage = {
    getItem: name => kept.get(name) ?? null,
    setItem: (name, value) => kept.set(name, value),
  }
  Object.defineProperty(globalThis, "localStorage", { value: localStorage, configurable: true })
  const lately = makeLately("lately-of-ann")
  assert.deepEqual(lately.ids(), [])
  for (const id of [1, 2, 3, 1]) lately.given(id)
  assert.deepEqual(makeLately("lately-of-ann").ids(), [1, 3, 2])
  assert.deepEqual(makeLately("lately-of-bob").ids(), [])
  for (let id = 10; id < 30; id++) lately.given(id)
  assert.equal(lately.ids().length, 10)
  assert.equal(lately.ids()[0], 29)
  assert.equal(page.storage.values.size, 0)
  kept.set("lately-of-ann", "{broken")
  assert.deepEqual(lately.ids(), [])
})
