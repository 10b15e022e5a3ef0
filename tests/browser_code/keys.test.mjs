import assert from "node:assert/strict"
import { test } from "node:test"

import {
  classesByKey, isHeard, meaning,
} from "../../sslapp/ui/components/common/strokes.js"
import { keyHelp, keyRequest } from "../../sslapp/ui/components/label/keys.js"
import { openPage } from "./page.mjs"

class Element {
  constructor(matching = []) {
    this.matching = matching
  }

  closest(selector) {
    return this.matching.some(each => selector.split(", ").includes(each)) ? this : null
  }
}
globalThis.Element = Element

const CLASSES = ["1", "i", "0"].map(key => ({ key, id: `class ${key}` }))

function stroke(key, { code = "", target = new Element(), altGraph = false, ...held } = {}) {
  return {
    ...{ key, code, shiftKey: false, ctrlKey: false, altKey: false, metaKey: false },
    ...held,
    getModifierState: name => name === "AltGraph" && altGraph,
    composedPath: () => [target],
  }
}

test("classes without a key are on none", () => {
  assert.deepEqual([...classesByKey([...CLASSES, { key: "" }]).keys()], ["1", "i", "0"])
})

test("a class goes before a command, which then takes Shift", () => {
  const classes = classesByKey(CLASSES)
  const commands = new Map([["i", "invert"]])
  assert.deepEqual(meaning(stroke("i"), classes, commands), { class: CLASSES[1] })
  assert.deepEqual(meaning(stroke("I"), classes, commands), { class: CLASSES[1] }) // Caps Lock
  assert.deepEqual(meaning(stroke("I", { shiftKey: true }), classes, commands), {
    command: "invert",
  })
  assert.equal(meaning(stroke("i", { ctrlKey: true }), classes, commands), null)
})

test("a digit is known by its place and never taken with Shift", () => {
  const read = (key, options) => meaning(stroke(key, options), classesByKey(CLASSES), new Map())
  assert.deepEqual(read("&", { code: "Digit1" }), { class: CLASSES[0] })
  assert.deepEqual(read("1", { code: "Numpad1" }), { class: CLASSES[0] })
  assert.equal(read("!", { code: "Digit1", shiftKey: true }), null)
  assert.equal(read("1", { code: "Digit1", isComposing: true }), null)
})

test("what is typed into a field, or presses a button, is not the desk's", context => {
  const { document } = openPage(context)
  assert.ok(isHeard(stroke("1")))
  assert.ok(!isHeard(stroke("1", { target: new Element(["input"]) })))
  assert.ok(!isHeard(stroke(" ", { target: new Element(["button"]) })))
  assert.ok(isHeard(stroke("1", { target: new Element(["button"]) })))
  assert.ok(isHeard(stroke(" ", { target: new Element(["button", ".grid"]) }), ".grid"))
  document.querySelector = () => new Element() // a dialog is open
  assert.ok(!isHeard(stroke("1")))
})

test("the keys of the label page ask for classes and actions", context => {
  openPage(context)
  const classes = classesByKey(CLASSES)
  assert.deepEqual(keyRequest(stroke("1", { code: "Digit1" }), classes), { class: CLASSES[0] })
  assert.equal(keyRequest(stroke("Backspace"), classes).action, "undo")
  assert.deepEqual(keyRequest(stroke("+"), classes), { action: "in", repeats: true })
  assert.equal(keyRequest(stroke("I", { shiftKey: true }), classes).action, "invert")
  assert.equal(keyRequest(stroke("q"), classes), null)
  assert.equal(keyRequest(stroke("1", { target: new Element(["input"]) }), classes), null)
})

test("the help names what Shift is needed for and leaves out what no key does", () => {
  const lines = new Map(keyHelp(CLASSES).map(([keys, about]) => [about, keys]))
  assert.equal(lines.get("Give the class"), "1 I 0")
  assert.equal(lines.get("Invert"), "⇧I")
  assert.equal(lines.get("Unsure: I cannot tell"), "U")
  assert.ok(!lines.has("Fit the image")) // its 0 is a class's, and Shift takes no digit
  const free = new Map(keyHelp([]).map(([keys, about]) => [about, keys]))
  assert.equal(free.get("Fit the image"), "0")
})

test("none of these and a typed name are answers everywhere; a class keeps its n", () => {
  const classes = classesByKey([...CLASSES, { key: "n", id: "class n" }])
  for (const auditing of [false, true]) {
    const ask = event => keyRequest(event, classesByKey(CLASSES), auditing)
    assert.equal(ask(stroke("n"))?.action, "none")
    assert.equal(ask(stroke("/", { code: "Digit7", shiftKey: true }))?.action, "name")
    assert.equal(keyRequest(stroke("n"), classes, auditing).class.id, "class n")
    assert.equal(keyRequest(stroke("N", { shiftKey: true }), classes, auditing).action, "none")
  }
})

test("an audit passes no image over", () => {
  const classes = classesByKey(CLASSES)
  assert.equal(keyRequest(stroke(" "), classes, true), null)
  assert.equal(keyRequest(stroke("f"), classes, true), null)
  assert.equal(keyRequest(stroke(" "), classes)?.action, "skip")
  const listed = keyHelp(CLASSES, true).map(([, about]) => about)
  assert.ok(listed.includes("None of these classes"))
  assert.ok(!listed.some(about => about.startsWith("Skip")))
})
