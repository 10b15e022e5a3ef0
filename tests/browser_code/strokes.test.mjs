import assert from "node:assert/strict"
import { test } from "node:test"

import { meaning } from "../../sslapp/ui/components/common/strokes.js"

// How a key event is read, on keyboards of several countries.

const named = (what, keys) => new Map(keys.map(key => [key, `${what} ${key}`]))
const CLASSES = named("class", ["1", "2", "7", "e", "0"])
const COMMANDS = named("command", [..."ea0+-[{? ", "ArrowLeft"])
const SHIFT = { shiftKey: true }
const LEVEL = { modifierAltGraph: true }

/** The class or command that a key event with these fields stands for. */
function read(key, code, { modifierAltGraph = false, ...fields } = {}) {
  const event = {
    ...{ key, code, keyCode: 0, isComposing: false },
    ...{ shiftKey: false, ctrlKey: false, altKey: false, metaKey: false },
    ...fields,
    getModifierState: name => name === "AltGraph" && modifierAltGraph,
  }
  const found = meaning(event, CLASSES, COMMANDS)
  return found?.class ?? found?.command ?? null
}

test("a digit is known by its place", () => {
  assert.equal(read("1", "Digit1"), "class 1")
  assert.equal(read("&", "Digit1"), "class 1") // French
  assert.equal(read("+", "Digit1"), "class 1") // Czech; a command stands on it elsewhere
  assert.equal(read("è", "Digit7"), "class 7")
  assert.equal(read("È", "Digit7"), "class 7") // with Caps Lock
  assert.equal(read("7", "Digit7"), "class 7") // French on Windows with Caps Lock
  assert.equal(read("Dead", "Digit7"), "class 7") // Vietnamese
  assert.equal(read("7", "Numpad7"), "class 7")
  assert.equal(read("0", "Digit0"), "class 0")
  assert.equal(read("1", ""), "class 1") // a keyboard on the screen
  assert.equal(read("0", "Backquote"), "class 0") // Hungarian
})

test("Shift never labels with a digit", () => {
  assert.equal(read("!", "Digit1", SHIFT), null)
  assert.equal(read("1", "Digit1", SHIFT), null) // French
  assert.equal(read("1", "Numpad1", SHIFT), null)
  assert.equal(read("0", "Digit0", SHIFT), null)
  assert.equal(read("1", "", SHIFT), null)
})

test("a number pad that is off moves", () => {
  assert.equal(read("ArrowLeft", "Numpad4"), "command ArrowLeft")
  assert.equal(read("End", "Numpad1"), null)
  assert.equal(read("+", "NumpadAdd"), "command +")
})

test("Caps Lock changes no letter", () => {
  assert.equal(read("e", "KeyE"), "class e")
  assert.equal(read("E", "KeyE"), "class e")
  assert.equal(read("A", "KeyA"), "command a")
  assert.equal(read("a", "KeyA"), "command a")
  assert.equal(read("a", "KeyQ"), "command a") // French: by what it prints
})

test("Shift asks for the command where a class owns the letter", () => {
  assert.equal(read("E", "KeyE", SHIFT), "command e")
  assert.equal(read("e", "KeyE", SHIFT), "command e") // with Caps Lock
  assert.equal(read("2", "KeyZ", SHIFT), null)
})

test("signs are what is printed", () => {
  assert.equal(read("?", "Slash", SHIFT), "command ?")
  assert.equal(read("?", "Minus", SHIFT), "command ?") // German
  assert.equal(read("?", "KeyM", SHIFT), "command ?") // French
  assert.equal(read("+", "Equal", SHIFT), "command +")
  assert.equal(read("+", "BracketRight"), "command +") // German
  assert.equal(read("+", "Digit1", SHIFT), "command +") // Swiss
  assert.equal(read("{", "BracketLeft", SHIFT), "command {")
  assert.equal(read("-", "Digit6"), "command -") // French, where no class has the 6
  assert.equal(read(" ", "Space"), "command  ")
})

test("the third level prints signs and labels nothing", () => {
  assert.equal(read("[", "Digit8", LEVEL), "command [") // German
  assert.equal(read("{", "Digit7", LEVEL), "command {")
  assert.equal(read("{", "Digit7", { ...LEVEL, ctrlKey: true, altKey: true }), "command {")
  assert.equal(read("7", "Digit7", LEVEL), null)
  assert.equal(read("e", "KeyE", LEVEL), null)
  assert.equal(read("ArrowLeft", "ArrowLeft", LEVEL), null)
})

test("shortcuts and what is being composed are no strokes", () => {
  for (const modifier of ["ctrlKey", "altKey", "metaKey"]) {
    assert.equal(read("1", "Digit1", { [modifier]: true }), null)
  }
  assert.equal(read("1", "Digit1", { isComposing: true }), null)
  assert.equal(read("Process", "Digit1"), null)
  assert.equal(read("1", "Digit1", { keyCode: 229 }), null)
  assert.equal(read("Dead", "BracketLeft"), null)
  assert.equal(read("Unidentified", ""), null)
})
