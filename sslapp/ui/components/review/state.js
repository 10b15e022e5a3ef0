// What is true of the desk: which tiles wait for a decision, what stands, what may not be decided.
//
// The desk is one object, made in desk.js; the functions of this folder take it. Here nothing draws.

export const STAMPS = { accept: "accepted", reject: "rejected", relabel: "relabelled" }

export function tileOf(desk, position) {
  return desk.tiles.get(position)?.info
}

export function isOpen(desk, position) {
  const tile = tileOf(desk, position)
  const decision = desk.decided.get(position)
  if (tile.blind || tile.held || tile.label || tile.withheld) return false
  return !desk.excluded.has(position) && (!decision || decision.state === "refused")
}

// the first image from `at` on, around the end, that waits for a decision
export function firstOpen(desk, at) {
  const count = desk.order.length
  for (let step = 0; step < count; step++) {
    const position = desk.order[(at + step) % count]
    if (isOpen(desk, position)) return position
  }
  return null
}

export function shownClass(info, decision) {
  if (decision && decision.state !== "refused") return decision.classId
  return info.label ? info.label.class : info.proposed
}

export function refusalReason(desk, tile, kind) {
  if (tile.blind) return "This image measures: it belongs to the holdout or the test split."
  if (tile.held) return `${tile.held} has this image open.`
  const decision = desk.decided.get(tile.p)
  if (kind === "relabel") return ""
  if (decision && decision.state !== "refused") return "Decided already. Backspace takes the last one back."
  if (tile.label) return `Has a label already: ${labelWords(desk, tile.label)}.`
  if (tile.proposed === null) return "No class is left to propose. Press a class key."
  return ""
}

// decided singly on this sheet: no bulk decision is about them
export function decidedPositions(desk) {
  const decided = [...desk.decided].filter(([, decision]) => decision.state !== "refused")
  return decided.map(([position]) => position)
}

// how many images a bulk decision would be about
export function bulkCount(desk) {
  const counted = decidedPositions(desk).filter(each => tileOf(desk, each).there)
  return desk.data.total - desk.excluded.size - counted.length
}

export const className = (desk, id) => desk.classes.get(id)?.name ?? "a retired class"

export const labelWords = (desk, label) =>
  label.source === "accepted"
    ? `${className(desk, label.class)}, accepted by ${label.reader}`
    : `${className(desk, label.class)} by ${label.reader}`

// A letter that a class owns is a command's with Shift.
export const commandKey = (desk, key) => (desk.byKey.has(key) ? `⇧${key.toUpperCase()}` : key)
