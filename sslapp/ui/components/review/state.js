// What is true of the desk: which tiles wait for a decision, what stands, what may not be decided.
//
// The desk is one object, made in desk.js; the functions of this folder take it. Here nothing draws.

/**
 * @typedef {object} Tile an image of the sheet, as ui/review/desk.py sends it
 * @property {number} p its position
 * @property {string} image its content hash
 * @property {string} thumb data URL of its small picture
 * @property {number | null} proposed class; null when none is left
 * @property {number} sure confidence of the proposal
 * @property {boolean} flipped the round before predicted another class
 * @property {boolean} disagrees its nearest labelled images are of another class
 * @property {boolean} withheld
 * @property {boolean} blind it measures, so that no prediction may be shown
 * @property {string | null} held reader who has it open
 * @property {boolean} there it is still undecided on the server
 * @property {string} why it was found to be wrong or odd; "" where nothing was
 * @property {boolean} questioned it has a label that is in question: it is kept or changed
 * @property {{ class: number, source: string, reader: string } | null} label
 */

/**
 * @typedef {object} Decision made singly on this sheet
 * @property {"accept" | "reject" | "relabel" | "label" | "none"} kind label where there is no round
 * @property {number | null} classId null for none
 * @property {string} name its key in the outbox
 * @property {"waiting" | "saved" | "refused"} state
 * @property {string} [reason] why it was refused
 */

/**
 * @typedef {object} Desk
 * @property {Element | ShadowRoot} root
 * @property {(className: string) => HTMLElement} find
 * @property {object} data what Python sent last
 * @property {(name: string, value: any) => void} notify asks Python to run the page again
 * @property {import("../common/outbox.js").Outbox} outbox
 * @property {string} scope workspace, project and reader: names the outbox and the history
 * @property {string} selection what was selected
 * @property {string} sheet names the images that are shown
 * @property {Map<number, object>} classes by id
 * @property {Map<string, object>} byKey classes that have a key
 * @property {Map<number, { info: Tile, node: HTMLElement }>} tiles by position
 * @property {number[]} order positions as they are shown
 * @property {number | null} focus position
 * @property {Map<number, Decision>} decided by position
 * @property {Set<number>} rejected of the selection, not to be accepted as a second class
 * @property {Set<number>} excluded left out of a bulk decision
 * @property {Set<number>} opened looked at one by one
 * @property {ReturnType<typeof import("../common/names.js").makeNames>} names
 * @property {ReturnType<typeof import("../common/names.js").makeLately>} lately classes given lately
 * @property {Set<number>} seen of the selection, on screen in the sheet
 * @property {Set<number>} marked of the sheet, for a class given to all of them
 * @property {number | null} anchor marked last: where a range begins
 * @property {{ key: string, marked: number[], classId: number } | null} labelling asked for and not
 *   answered yet
 * @property {({ name: string, position: number } | { name: string, marked: number[] })[]} history what can be taken back, oldest first
 * @property {number | null} bulkTotal images selected when a bulk decision was asked for
 * @property {boolean} proven what is selected is proven right, as the buttons say
 * @property {number} changedAt when that changed while the selection stayed, as performance.now()
 * @property {object | null} pending what Python is asked for once the outbox is empty
 * @property {{ fit: () => void, zoom: (factor: number) => void, stop: () => void }} viewport
 * @property {number | null} paintedAt when the image in focus was on screen, ms since 1970
 * @property {string | null} painted content hash of that image
 */

export const STAMPS = {
  accept: "accepted", reject: "rejected", relabel: "relabelled", label: "labelled", none: "none of these",
}

/** @type {(desk: Desk, position: number) => Tile | undefined} */
export function tileOf(desk, position) {
  return desk.tiles.get(position)?.info
}

/** Whether an image waits for a decision. */
export function isOpen(desk, position) {
  const tile = tileOf(desk, position)
  const decision = desk.decided.get(position)
  if (tile.blind || tile.held || tile.withheld || (tile.label && !tile.questioned)) return false
  if (desk.labelling?.marked.includes(position)) return false
  return !desk.excluded.has(position) && (!decision || decision.state === "refused")
}

/** The first image from `at` on, around the end, that waits for a decision; null for none. */
export function firstOpen(desk, at) {
  const count = desk.order.length
  for (let step = 0; step < count; step++) {
    const position = desk.order[(at + step) % count]
    if (isOpen(desk, position)) return position
  }
  return null
}

/** What stands in place of a class where there is none. */
export const noClass = desk => (desk.data.round === null ? "no label" : "none left")

/** The class that a tile shows: as decided here, as labelled, or as proposed. */
export function shownClass(info, decision) {
  if (decision && decision.state !== "refused") return decision.classId
  return info.label ? info.label.class : info.proposed
}

/** Why an image may not be decided so; "" when it may. */
export function refusalReason(desk, tile, kind) {
  if (tile.blind) return "This image measures: it belongs to the holdout or the test split."
  if (tile.held) return `${tile.held} has this image open.`
  if (desk.labelling?.marked.includes(tile.p)) return "Its class is being saved."
  const decision = desk.decided.get(tile.p)
  if (["relabel", "label", "none"].includes(kind)) return ""
  if (decision && decision.state !== "refused") return "Decided already. Backspace takes the last one back."
  if (tile.questioned) return kind === "keep" ? "" : "Keep its label, or press the key of its right class."
  if (tile.label) return `Has a label already: ${labelWords(desk, tile.label)}.`
  if (desk.data.round === null) return "No round proposes anything yet. Press a class key."
  if (tile.proposed === null) return "No class is left to propose. Press a class key."
  return ""
}

/** What was decided singly on this sheet: no bulk decision is about it. */
export function decidedPositions(desk) {
  const decided = [...desk.decided].filter(([, decision]) => decision.state !== "refused")
  return decided.map(([position]) => position)
}

/** How many images a bulk decision would be about. */
export function bulkCount(desk) {
  const counted = decidedPositions(desk).filter(each => tileOf(desk, each).there)
  return desk.data.total - desk.excluded.size - counted.length
}

export const className = (desk, id) => desk.classes.get(id)?.name ?? "a retired class"

export const labelWords = (desk, label) =>
  label.source === "accepted" && desk.data.round !== null
    ? `${className(desk, label.class)}, accepted by ${label.reader}`
    : `${className(desk, label.class)} by ${label.reader}`

/** A command's key as it is written: a letter that a class owns takes Shift. */
export const commandKey = (desk, key) => (desk.byKey.has(key) ? `⇧${key.toUpperCase()}` : key)
