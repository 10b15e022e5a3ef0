// What each key does on the reading page; strokes.js says which key an event is. Keys of classes
// come first: in a project whose classes use "i" Shift+I inverts, and where they use "0" the view's
// own key is the button alone.

import { classesByKey, isHeard, meaning } from "../common/strokes.js"

const LABELLING = [
  { name: "skip", keys: [" "], shown: "Space", about: "Skip: show it to me no more" },
  { name: "unsure", keys: ["u"], shown: "U", about: "Unsure: I cannot tell" },
  { name: "none", keys: ["n"], shown: "N", about: "None of these classes" },
  { name: "flag", keys: ["f"], shown: "F", about: "Flag with a comment" },
  { name: "metadata", keys: ["m"], shown: "M", about: "Show or hide the metadata on the image" },
]

// an audit passes no image over: who could choose would choose the easy ones
const AUDITING = [
  { name: "unsure", keys: ["u"], shown: "U", about: "Unsure: I cannot tell" },
  { name: "none", keys: ["n"], shown: "N", about: "None of these classes" },
]

const VIEWING = [
  { name: "name", keys: ["/"], shown: "/", about: "Give a class by typing its name" },
  { name: "undo", keys: ["Backspace"], shown: "Backspace", about: "Take the last decision back" },
  { name: "before", keys: ["PageUp"], shown: "PgUp PgDn", about: "Picture before, after, of an image of several", repeats: true },
  { name: "after", keys: ["PageDown"], repeats: true },
  { name: "in", keys: ["+", "="], shown: "+", about: "Zoom in", repeats: true },
  { name: "out", keys: ["-", "_"], shown: "−", about: "Zoom out", repeats: true },
  { name: "fit", keys: ["0"], shown: "0", about: "Fit the image" },
  { name: "left", keys: ["ArrowLeft"], shown: "← ↑ → ↓", about: "Move the image", repeats: true },
  { name: "right", keys: ["ArrowRight"], repeats: true },
  { name: "up", keys: ["ArrowUp"], repeats: true },
  { name: "down", keys: ["ArrowDown"], repeats: true },
  { name: "darker", keys: ["["], shown: "[ ]", about: "Darker, brighter", repeats: true },
  { name: "brighter", keys: ["]"], repeats: true },
  { name: "softer", keys: ["{"], shown: "{ }", about: "Less, more contrast", repeats: true },
  { name: "harder", keys: ["}"], repeats: true },
  { name: "invert", keys: ["i"], shown: "I", about: "Invert" },
  { name: "reset", keys: ["Escape", "r"], shown: "Esc", about: "Reset the view" },
  { name: "help", keys: ["?"], shown: "?", about: "Show or hide this list" },
]

const actionsOf = auditing => [...(auditing ? AUDITING : LABELLING), ...VIEWING]

const commandsOf = auditing => new Map(
  actionsOf(auditing).flatMap(({ name, keys, repeats }) =>
    keys.map(key => [key, { action: name, repeats }]),
  ),
)

const COMMANDS = { labelling: commandsOf(false), auditing: commandsOf(true) }

/**
 * What the help lists.
 *
 * @param {{ key: string }[]} classes
 * @param {boolean} [auditing] whether an audit is answered
 * @returns {[string, string][]} [[keys, what they do], ...]
 */
export function keyHelp(classes, auditing = false) {
  const taken = classesByKey(classes)
  const letters = [...taken.keys()].map(key => key.toUpperCase())
  const gone = each => taken.has(each.keys[0]) && /\d/.test(each.keys[0]) // Shift takes no digit
  const others = actionsOf(auditing).filter(each => each.about && !gone(each))
  const shown = each => (taken.has(each.keys[0]) ? `⇧${each.shown}` : each.shown)
  return [[letters.join(" "), "Give the class"], ...others.map(each => [shown(each), each.about])]
}

/**
 * What a key event asks for; null when it is none of ours.
 *
 * @template Class
 * @param {KeyboardEvent} event
 * @param {Map<string, Class>} classes
 * @param {boolean} [auditing] whether an audit is answered
 * @returns {{ class: Class } | { action: string, repeats?: boolean } | null}
 */
export function keyRequest(event, classes, auditing = false) {
  const commands = auditing ? COMMANDS.auditing : COMMANDS.labelling
  const found = isHeard(event) ? meaning(event, classes, commands) : null
  return found?.command ?? found
}
