// Giving a class by typing its name, where there are more classes than keys: what is typed chooses
// among the names, the latest given come first.

import { element, setText, textElement, thousands } from "./elements.js"
import { readKept, writeKept } from "./storage.js"

const KEPT = 10 // classes that were given lately
const COMPOSING = 229 // the key code of a key that an input method has taken

/** A text as names are compared: without case, accents and the width of its letters. */
export const folded = text =>
  text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replaceAll("ß", "ss").trim()

/**
 * The classes whose name holds what was typed, those that begin with it first; for nothing typed all
 * of them, the latest given first.
 *
 * @template {{ id: number, name: string }} Class
 * @param {Class[]} classes
 * @param {string} typed
 * @param {number[]} [lately] ids of classes, the latest first
 * @returns {Class[]}
 */
export function matching(classes, typed, lately = []) {
  const wanted = folded(typed)
  if (!wanted) {
    const first = lately.map(id => classes.find(each => each.id === id)).filter(Boolean)
    return [...first, ...classes.filter(each => !first.includes(each))]
  }
  const places = classes.map(each => [each, folded(each.name).indexOf(wanted)])
  const begins = places.filter(([, at]) => at === 0)
  const holds = places.filter(([, at]) => at > 0)
  return [...begins, ...holds].map(([each]) => each)
}

/**
 * The classes that a reader gave lately in a project, kept by the browser.
 *
 * @param {string} name of what is kept
 */
export function makeLately(name) {
  const ids = () => readKept(name, [])
  return {
    ids,
    given(id) {
      const later = [id, ...ids().filter(each => each !== id)].slice(0, KEPT)
      writeKept(name, later) // refused, the order of the project stays
    },
  }
}

/**
 * Draws the field and its list into an element, hidden until it is opened.
 *
 * @param {object} options
 * @param {HTMLElement} options.place
 * @param {() => object[]} options.classes
 * @param {{ ids: () => number[] }} options.lately
 * @param {(event: Event, chosen: object, about: any) => void} options.onGive
 * @param {() => void} [options.onToggle] called when it has opened or closed
 */
export function makeNames({ place, classes, lately, onGive, onToggle = () => {} }) {
  let about = null // what it was opened for
  let found = []
  let at = 0
  const input = element("input", "typed", { type: "text", autocomplete: "off", spellcheck: false })
  const list = element("ul", "found", { id: "names-found" })
  const number = element("p", "number-found")
  const attributes = {
    role: "combobox", "aria-label": "Name of the class", "aria-autocomplete": "list",
    "aria-expanded": "true", "aria-controls": list.id, placeholder: "Part of a class's name",
  }
  for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value)
  list.setAttribute("role", "listbox")
  list.setAttribute("aria-label", "Classes")
  number.setAttribute("role", "status")
  place.replaceChildren(input, list, number)
  place.classList.add("names")
  place.hidden = true

  function draw() {
    found = matching(classes(), input.value, lately.ids())
    list.replaceChildren(...found.map(row))
    const all = classes().length
    const keys = "↑ ↓ Enter, Esc closes"
    setText(number, found.length ? `${thousands(found.length)} of ${thousands(all)} · ${keys}` : "No class is called so")
    move(0)
  }

  function row(each, nth) {
    const item = element("li", "", { id: `names-${nth}`, title: each.name })
    item.setAttribute("role", "option")
    const swatch = element("span", "of-class")
    swatch.style.background = each.colour
    const key = textElement("kbd", "", (each.key ?? "").toUpperCase())
    key.setAttribute("aria-hidden", "true") // an option is called by its name alone
    item.append(swatch, textElement("span", "called", each.name), key)
    item.onpointerdown = event => event.preventDefault() // the field keeps the focus
    item.onclick = event => give(event, each)
    return item
  }

  function move(to) {
    list.children[at]?.setAttribute("aria-selected", "false")
    at = Math.max(0, Math.min(to, found.length - 1))
    const item = list.children[at]
    item?.setAttribute("aria-selected", "true")
    item?.scrollIntoView({ block: "nearest" })
    if (item) input.setAttribute("aria-activedescendant", item.id)
    else input.removeAttribute("aria-activedescendant")
  }

  function give(event, chosen) {
    const meant = about
    close()
    onGive(event, chosen, meant)
  }

  function close() {
    if (place.hidden) return
    place.hidden = true
    about = null
    input.blur()
    onToggle()
  }

  const pressed = {
    ArrowDown: () => move(at + 1),
    ArrowUp: () => move(at - 1),
    PageDown: () => move(at + 8),
    PageUp: () => move(at - 8),
    Enter: event => !event.repeat && found[at] && give(event, found[at]),
    Escape: close,
  }

  input.oninput = draw
  input.onblur = event => place.contains(event.relatedTarget) || close()
  input.onkeydown = event => {
    event.stopPropagation() // what is typed is no key of the page
    if (event.isComposing || event.keyCode === COMPOSING) return // an input method has the key
    const work = pressed[event.key]
    if (!work) return
    event.preventDefault()
    work(event)
  }

  return {
    close,
    /** What it was opened for; null while it is closed. */
    about: () => about,
    open(what) {
      about = what
      place.hidden = false
      input.value = ""
      onToggle()
      draw()
      input.focus()
      place.scrollIntoView({ block: "nearest" }) // the list as well
    },
  }
}
