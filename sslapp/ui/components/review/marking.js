// Tiles of the sheet that are marked: a class key then gives them all that class, as one decision.
//
// Only what waits for a decision and was on screen can be marked. A mark is no selection of Python's:
// it lives until its tile is decided, the sheet is turned, or the reader takes it off.

import { randomName } from "../common/outbox.js"
import { decide, keepHistory } from "./decisions.js"
import { focusNextOpen, focusOn } from "./focus.js"
import { drawBar, drawTile } from "./grid.js"
import { announce, cue, halted } from "./messages.js"
import { drawPanel } from "./panel.js"
import { requestAction, requestBulk } from "./requests.js"
import { className, isOpen, refusalReason, tileOf } from "./state.js"

/** Marks a tile, or takes its mark off, and looks at it. */
export function mark(desk, position) {
  if (desk.marked.delete(position)) announce(desk, `Image ${position} not marked`)
  else if (!markOne(desk, position)) cue(desk, whyNot(desk, position))
  else announce(desk, `Image ${position} marked`)
  desk.anchor = position
  focusOn(desk, position, true)
  drawMarks(desk)
}

/** Marks all from the tile that was marked last to this one. */
export function markTo(desk, position) {
  const from = desk.order.indexOf(desk.anchor ?? desk.focus)
  const to = desk.order.indexOf(position)
  const [first, last] = from < 0 ? [to, to] : [Math.min(from, to), Math.max(from, to)]
  for (const each of desk.order.slice(first, last + 1)) markOne(desk, each)
  focusOn(desk, position, true)
  drawMarks(desk)
  announce(desk, `${desk.marked.size} images marked`)
}

/** Marks every tile of the sheet that was on screen; takes the marks off when all of them are. */
export function markAll(desk) {
  const open = desk.order.filter(each => isOpen(desk, each))
  const seen = open.filter(each => desk.seen.has(each))
  if (seen.length && seen.every(each => desk.marked.has(each))) return unmarkAll(desk)
  for (const each of seen) desk.marked.add(each)
  drawMarks(desk)
  const unseen = open.length - seen.length
  cue(desk, unseen ? `${unseen} not marked: scroll down to see them.` : `${seen.length} images marked`)
}

export function unmarkAll(desk) {
  desk.marked.clear()
  drawMarks(desk)
  announce(desk, "No image marked")
}

/** What a class key or the menu means now: the marked tiles, or else the image in focus. */
export function giveClassByKey(desk, classId, pressedAt) {
  const alone = desk.marked.size === 0 || (desk.marked.size === 1 && desk.marked.has(desk.focus))
  if (!alone) return labelMarked(desk, classId)
  decide(desk, desk.data.round === null ? "label" : "relabel", classId, pressedAt)
}

/** What the menu of classes means now: the marked tiles, or else the whole selection. */
export function giveClassByMenu(desk, classId) {
  if (desk.marked.size) return labelMarked(desk, classId)
  requestBulk(desk, desk.data.round === null ? "label" : "relabel", classId)
}

function labelMarked(desk, classId) {
  if (halted(desk)) return
  if (desk.labelling) return cue(desk, "A moment: the last class is being saved.")
  const marked = [...desk.marked].filter(each => isOpen(desk, each)).sort((a, b) => a - b)
  if (!marked.length) return cue(desk, "None of the marked images waits for a decision.")
  const key = randomName()
  desk.labelling = { key, marked, classId }
  keepHistory(desk, [...desk.history, { name: key, marked }])
  requestAction(desk, {
    action: "label", class_id: classId, key, selection: desk.selection, excluded: [], marked,
    opened: marked.filter(each => desk.opened.has(each)).length, seen: marked.length, proven: false,
  })
  drawMarks(desk)
}

/** Takes notice of what became of the marked images, when Python has answered. */
export function settleMarks(desk, turned) {
  const asked = desk.labelling
  const { answered } = desk.data
  if (asked && answered?.key === asked.key) {
    desk.labelling = null
    if (answered.stored) stored(desk, asked)
  }
  if (answered && !answered.stored) {
    keepHistory(desk, desk.history.filter(each => each.name !== answered.key))
  }
  for (const each of desk.marked) {
    if (turned || !tileOf(desk, each) || !isOpen(desk, each)) desk.marked.delete(each)
  }
  if (turned) desk.anchor = null
}

function stored(desk, { marked, classId }) {
  for (const each of marked) {
    desk.marked.delete(each)
    desk.opened.delete(each) // counted with the decision
  }
  announce(desk, `${marked.length} images labelled: ${className(desk, classId)}`)
  if (desk.focus !== null && desk.order.includes(desk.focus) && !isOpen(desk, desk.focus)) focusNextOpen(desk)
}

/** Gives up what was asked for the marked images: the page has lost its workspace. */
export function forgetLabelling(desk) {
  desk.labelling = null
  drawMarks(desk)
}

/** Says that the labels of marked images are being taken back; the tiles follow when they are. */
export const takingBack = (desk, { marked }) =>
  cue(desk, `Taking back the class of ${marked.length} images.`)

function markOne(desk, position) {
  if (!isOpen(desk, position) || !desk.seen.has(position)) return false
  desk.marked.add(position)
  return true
}

function whyNot(desk, position) {
  const tile = tileOf(desk, position)
  if (isOpen(desk, position)) return "Too early: that image was not on screen yet."
  return refusalReason(desk, tile, "accept") || "Only images that wait for a decision can be marked."
}

function drawMarks(desk) {
  for (const each of desk.order) drawTile(desk, each)
  drawBar(desk)
  drawPanel(desk)
}
