import assert from "node:assert/strict"
import { test } from "node:test"

import { makeNames } from "../../sslapp/ui/components/common/names.js"

const CLASSES = ["猫", "子猫", "犬"].map((name, id) => ({ id, name, colour: "#4A52C4" }))
const BY_METHOD = 229 // what a key that an input method has taken says it is

// As much of an element as the field and its list need.
class Node {
  attributes = new Map()
  children = []
  classList = { add() {} }
  style = {}
  value = ""

  setAttribute = (name, value) => this.attributes.set(name, value)
  removeAttribute = name => this.attributes.delete(name)
  replaceChildren = (...children) => (this.children = children)
  append = (...children) => this.children.push(...children)
  contains = node => node === this || this.children.some(each => each.contains(node))
  scrollIntoView() {}
  focus() {}

  blur() {
    this.onblur({ relatedTarget: null })
  }

  /** What the browser does for an event of this element. Returns whether its own way was left. */
  fire(type, facts = {}) {
    let prevented = false
    const preventDefault = () => (prevented = true)
    this[`on${type}`]?.({ type, isComposing: false, preventDefault, stopPropagation() {}, ...facts })
    return prevented
  }
}

function openNames() {
  const given = []
  const place = new Node()
  const names = makeNames({
    place, classes: () => CLASSES, lately: { ids: () => [] },
    onGive: (_, chosen) => given.push(chosen.name),
  })
  names.open("an image")
  const [input, list] = place.children
  const shown = () => list.children.map(each => each.title)
  return { given, input, names, shown }
}

test.before(() => {
  globalThis.document = { createElement: () => new Node() }
})

/** One sign more or another one of a text that an input method composes. */
function compose(input, text) {
  input.fire("keydown", { key: "Process", keyCode: BY_METHOD, isComposing: true })
  input.value = text
  input.fire("compositionupdate", { data: text })
  input.fire("input", { isComposing: true })
}

test("the keys of an input method choose among its signs, not among the classes", () => {
  const { given, input, names, shown } = openNames()
  input.fire("compositionstart")
  compose(input, "ね")
  compose(input, "ねこ")
  assert.deepEqual(shown(), [], "no class is called as the sounds are")
  compose(input, "猫")
  assert.deepEqual(shown(), ["猫", "子猫"])
  for (const key of ["ArrowDown", "Enter", "Escape"]) {
    assert.equal(input.fire("keydown", { key, keyCode: 0, isComposing: true }), false, key)
  }
  assert.deepEqual(given, [])
  assert.equal(names.about(), "an image", "it is still open")
  assert.equal(input.attributes.get("aria-activedescendant"), "names-0")

  // Safari ends the composition first, and then tells of the key that ended it
  input.fire("compositionend", { data: "猫" })
  input.fire("keydown", { key: "Enter", keyCode: BY_METHOD })
  assert.deepEqual(given, [])
  input.fire("keydown", { key: "ArrowDown", keyCode: 40 })
  assert.equal(input.fire("keydown", { key: "Enter", keyCode: 13 }), true)
  assert.deepEqual(given, ["子猫"])
  assert.equal(names.about(), null)
})

test("Enter that is held down gives nothing more", () => {
  const { given, input } = openNames()
  input.fire("keydown", { key: "Enter", keyCode: 13, repeat: true })
  assert.deepEqual(given, [])
})
