// What Python is asked for: a bulk decision, images like one, another sheet.

import { randomName } from "../common/outbox.js"
import { cue, halted } from "./messages.js"
import { bulkCount, decidedPositions, tileOf } from "./state.js"

const CHANGED_MS = 700 // a press within it was meant for what the button said before

/** Asks the page, once the single decisions are saved. */
export function requestAction(desk, request) {
  if (halted(desk)) return
  desk.pending = { ...request, workspace: desk.data.workspace, sheet: desk.sheet }
  if (desk.outbox.state().unsent === 0) sendPending(desk)
  else cue(desk, "A moment: single decisions are saved first.")
}

export function sendPending(desk) {
  const request = desk.pending
  desk.pending = null
  clearTimeout(desk.quiet)
  if (request.action !== "similar" && !request.marked) desk.bulkTotal = desk.data.total
  desk.notify("ask", request)
}

export function requestBulk(desk, action, classId = null) {
  if (bulkCount(desk) <= 0) return
  if (performance.now() - desk.changedAt < CHANGED_MS) {
    cue(desk, "The buttons have just changed. Look, and press again.")
    return
  }
  const out = new Set([...desk.excluded, ...desk.rejected, ...decidedPositions(desk)])
  const seen = [...desk.seen].filter(each => !out.has(each) && tileOf(desk, each)?.there !== false)
  requestAction(desk, {
    action, class_id: classId, key: randomName(), selection: desk.selection,
    excluded: [...out].sort((a, b) => a - b), opened: desk.opened.size, proven: desk.proven,
    seen: seen.length,
  })
}

export function turn(desk, to) {
  if (halted(desk)) return
  desk.notify("turn", { to, sheet: desk.sheet })
}
