// What a key event means at either desk, whatever the keyboard, its locks and its country.
//
// A digit is known by its place: a French keyboard prints "&" on the key of the 1, and the number
// pad is as good. A letter is known by what is printed, so that Caps Lock changes nothing. Shift
// never gives a class: it asks for the command of a letter that a class owns. Signs are what is
// printed, with whatever is held for it.

const COMPOSING = 229 // the key code of a key that an input method has taken

/**
 * The classes that have a key, by their keys.
 *
 * @template {{ key: string }} Class
 * @param {Class[]} classes
 * @returns {Map<string, Class>}
 */
export const classesByKey = classes =>
  new Map(classes.filter(each => each.key).map(each => [each.key, each]))

/**
 * What a key event stands for; null when it is none of ours.
 *
 * Keys are digits, small letters, signs and the names of other keys. A class goes before a command,
 * and a digit's place before its sign.
 *
 * @template Class, Command
 * @param {KeyboardEvent} event
 * @param {Map<string, Class>} classes
 * @param {Map<string, Command>} commands
 * @returns {{ class: Class } | { command: Command } | null}
 */
export function meaning(event, classes, commands) {
  for (const key of keysOf(event)) {
    if (classes.has(key) && !event.shiftKey) return { class: classes.get(key) }
    if (commands.has(key)) return { command: commands.get(key) }
  }
  return null
}

// the keys that an event may mean, the likeliest first
function keysOf(event) {
  const { key, shiftKey } = event
  if (event.isComposing || event.keyCode === COMPOSING || key === "Process") return []
  if (event.getModifierState("AltGraph")) return isSign(key) ? [key] : []
  if (event.ctrlKey || event.altKey || event.metaKey) return []
  const [, digit] = /^(?:Digit|Numpad)(\d)$/.exec(event.code) ?? []
  const prints = key.length === 1
  const printed = prints ? key.toLowerCase() : key
  if (digit && !shiftKey && (prints || key === "Dead")) return [digit, printed]
  return shiftKey && /^\d$/.test(printed) ? [] : [printed]
}

const isSign = key => key.length === 1 && !/[\p{L}\d\s]/u.test(key)

/**
 * Whether a key event is the desk's: not typed into a field, and no press of a button that Tab
 * reached.
 *
 * @param {KeyboardEvent} event
 * @param {string} [own] a selector of the desk's own buttons, which keys do not press
 */
export function isHeard(event, own) {
  if (document.querySelector('[role="dialog"]')) return false
  const [target] = event.composedPath()
  if (!(target instanceof Element) || (own && target.closest(own))) return true
  if (target.isContentEditable || target.closest("input, textarea, select, [role=slider], [role=separator]")) return false
  if (target.closest("[role=combobox], [role=listbox], [role=menu]")) return false
  const presses = event.key === " " || event.key === "Enter"
  return !(presses && target.closest("button, a, summary, [role=tab]"))
}
