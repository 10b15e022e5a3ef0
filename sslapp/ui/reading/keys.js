// What each key does on the reading page. Keys of classes come first: a project whose classes use
// "0" or "i" keeps them, and the view's own key is then the button alone.

const ACTIONS = [
  { name: "skip", keys: [" "], shown: "Space", about: "Skip: show it to me no more" },
  { name: "unsure", keys: ["u"], shown: "U", about: "Unsure: I cannot tell" },
  { name: "flag", keys: ["f"], shown: "F", about: "Flag with a comment" },
  { name: "undo", keys: ["Backspace"], shown: "Backspace", about: "Take the last decision back" },
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

/** The map from a key to { class } or { action, repeats } in a project with these classes. */
function keyMap(classes) {
  const map = new Map()
  for (const { name, keys, repeats } of ACTIONS) {
    for (const key of keys) map.set(key, { action: name, repeats })
  }
  for (const each of classes) if (each.key) map.set(each.key, { class: each })
  return map
}

/** What the help lists: [[keys, what they do], ...]. */
function keyHelp(classes) {
  const map = keyMap(classes)
  const own = ACTIONS.filter(each => each.about && map.get(each.keys[0]).action === each.name)
  const letters = classes.filter(each => each.key).map(each => each.key.toUpperCase())
  return [[letters.join(" "), "Give the class"], ...own.map(each => [each.shown, each.about])]
}

/** What a key event asks for, or null when it is none of ours. */
function wanted(event, map) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null
  const [target] = event.composedPath()
  if (/^(input|textarea|select)$/i.test(target.tagName) || target.isContentEditable) return null
  // a button that was reached by the Tab key is pressed by these, as everywhere
  if (target.closest?.("button, a, summary") && /^( |Enter)$/.test(event.key)) return null
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
  return map.get(key) ?? null
}
