// Decisions about single images: they go into the outbox, and the sheet shows them at once.

import { readStored, writeStored } from "../common/storage.js"
import { PAINTED_MS, focusNextOpen, focusOn } from "./focus.js"
import { drawBar, drawTile } from "./grid.js"
import { inspection } from "./inspection.js"
import { announce, cue, halted } from "./messages.js"
import { forgetLabelling, giveClassByKey, takingBack } from "./marking.js"
import { drawPanel } from "./panel.js"
import { sendPending } from "./requests.js"
import { STAMPS, className, isOpen, refusalReason, tileOf } from "./state.js"

const QUIET_MS = 800 // after the last saved decision, before the page is asked to run again
const HISTORY = 500
const TOO_EARLY = "Too early: the image was not on screen yet."

export function decide(desk, kind, classId, pressedAt) {
  const position = desk.focus
  if (position === null || halted(desk)) return
  const why = refusalReason(desk, tileOf(desk, position), kind)
  if (why) return cue(desk, why)
  if (!wasSeen(desk, pressedAt)) return cue(desk, TOO_EARLY)
  if (classId !== null && kind !== "reject") desk.lately.given(classId)
  const name = record(desk, {
    kind, position, image: desk.painted, class_id: classId, round: desk.data.round,
    painted_at: desk.paintedAt, pressed_at: pressedAt,
    active_ms: desk.clock.read(), strategy: desk.data.round === null ? "grid" : undefined,
  })
  desk.marked.delete(position)
  desk.decided.set(position, { kind, classId, name, state: "waiting" })
  desk.excluded.delete(position)
  desk.opened.delete(position) // it is a reader action of its own
  // and not to be accepted as its second class
  if (kind === "reject" || kind === "none") desk.rejected.add(position)
  keepHistory(desk, [...desk.history, { name, position }])
  drawTile(desk, position)
  const called = classId === null ? "" : `: ${className(desk, classId)}`
  announce(desk, `Image ${position} ${STAMPS[kind]}${called}`)
  focusNextOpen(desk)
}

/** Accepts what is proposed for the image in focus, or keeps its label where that is in question. */
export function acceptFocused(desk, pressedAt) {
  const tile = tileOf(desk, desk.focus)
  if (!tile?.questioned) return decide(desk, "accept", tile?.proposed, pressedAt)
  const why = refusalReason(desk, tile, "keep")
  if (why) return cue(desk, why)
  decide(desk, desk.data.round === null ? "label" : "relabel", tile.label.class, pressedAt)
}

const wasSeen = (desk, pressedAt) =>
  desk.paintedAt !== null && pressedAt >= desk.paintedAt + PAINTED_MS

/** Asks for a class's name, for the image in focus. */
export function askName(desk, pressedAt) {
  const position = desk.focus
  if (position === null || halted(desk)) return
  const why = refusalReason(desk, tileOf(desk, position), "relabel")
  if (why) return cue(desk, why)
  if (!wasSeen(desk, pressedAt)) return cue(desk, TOO_EARLY)
  desk.names.open({ position, image: desk.painted })
}

/** Gives the class whose name was typed, if the image that it was typed for is still in focus. */
export function giveNamed(desk, chosen, about, pressedAt) {
  const same = desk.focus === about.position && desk.painted === about.image
  if (same) giveClassByKey(desk, chosen.id, pressedAt)
  else cue(desk, `You chose it for image ${about.position}, which is not in focus now.`)
}

export function undo(desk, pressedAt) {
  if (halted(desk)) return
  const last = desk.history.at(-1)
  if (!last) return cue(desk, "Nothing to take back.")
  record(desk, { kind: "undo", of: last.name, pressed_at: pressedAt })
  keepHistory(desk, desk.history.slice(0, -1))
  if (last.marked) return takingBack(desk, last)
  desk.decided.delete(last.position)
  desk.rejected.delete(last.position)
  drawTile(desk, last.position)
  announce(desk, `Taken back: image ${last.position}`)
  if (desk.order.includes(last.position)) focusOn(desk, last.position, true)
  drawBar(desk)
}

export function exclude(desk, position) {
  if (desk.excluded.has(position)) desk.excluded.delete(position)
  else if (isOpen(desk, position)) desk.excluded.add(position)
  else return cue(desk, "Only images that wait for a decision can be left out.")
  announce(desk, `Image ${position} ${desk.excluded.has(position) ? "left out" : "back in"}`)
  drawTile(desk, position)
  drawBar(desk)
  drawPanel(desk)
}

function record(desk, item) {
  clearTimeout(desk.quiet)
  return desk.outbox.add(item)
}

export function keepHistory(desk, history) {
  desk.history = history.slice(-HISTORY)
  writeStored(historyName(desk.scope), desk.history) // refused, the history ends with the page
}

export const storedHistory = scope => readStored(historyName(scope), [])

const historyName = scope => `${scope}-history`

export function onReceipt(desk, receipt) {
  const named = each => `${receipt.client}:${each.seq}`
  const reasons = new Map(receipt.refused.map(each => [named(each), each.reason]))
  const saved = new Set(receipt.acked.map(named))
  for (const [position, decision] of desk.decided) {
    if (saved.has(decision.name)) decision.state = "saved"
    if (reasons.has(decision.name)) {
      Object.assign(decision, { state: "refused", reason: reasons.get(decision.name) })
      lookAgain(desk, position)
    }
    drawTile(desk, position)
  }
  if (reasons.size) {
    keepHistory(desk, desk.history.filter(each => !reasons.has(each.name)))
    cue(desk, [...reasons.values()].at(-1))
  }
  drawPanel(desk)
  refreshSoon(desk)
}

export function onState(desk, { unsent, away, trouble }) {
  const words = away ? "the server does not answer; it is tried again" : "saving"
  const saved = desk.find("saved")
  saved.textContent = trouble || (unsent ? `${unsent} unsaved: ${words}` : "")
  saved.classList.toggle("trouble", Boolean(trouble || away))
  if (trouble) desk.pending = null
  if (trouble && desk.labelling) forgetLabelling(desk)
  if (unsent === 0 && desk.pending) sendPending(desk)
}

function refreshSoon(desk) {
  clearTimeout(desk.quiet)
  if (desk.outbox.state().unsent) return
  desk.quiet = setTimeout(() => desk.notify("changed", Date.now()), QUIET_MS)
}

// another reader was quicker: find out who said what
async function lookAgain(desk, position) {
  desk.inspections.delete(position)
  try {
    const found = await inspection(desk, position)
    const tile = tileOf(desk, position)
    if (tile) tile.label = found.label
  } catch {
    // the reason of the refusal is on the tile already
  }
  drawTile(desk, position)
  if (desk.focus === position) drawPanel(desk)
}
