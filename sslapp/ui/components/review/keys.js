// What keys do at the desk; strokes.js says which key an event is. A class key wins over a command of
// the same letter, which then takes Shift.

import { epochMillis } from "../common/clock.js"
import { isHeard, meaning } from "../common/strokes.js"
import { acceptFocused, askName, decide, exclude, undo } from "./decisions.js"
import { columns, focusNextOpen, moveFocus } from "./focus.js"
import { giveClassByKey, mark, markAll, unmarkAll } from "./marking.js"
import { toggleHelp } from "./panel.js"
import { requestAction, turn } from "./requests.js"
import { tileOf } from "./state.js"

export function onKey(desk, event) {
  const shown = (desk.root.host ?? desk.root).getClientRects().length
  const action = shown && isHeard(event, ".grid") ? keyAction(desk, event) : null
  if (!action) return
  event.preventDefault()
  event.stopPropagation()
  action(epochMillis(event.timeStamp))
}

function keyAction(desk, event) {
  const asked = meaning(event, desk.byKey, COMMANDS)
  if (!desk.find("keys").hidden && event.key === "Escape") return () => toggleHelp(desk)
  if (desk.marked.size && event.key === "Escape") return () => unmarkAll(desk)
  if (!asked || (desk.focus === null && !asked.command?.always)) return null
  if (asked.command?.parts && !desk.parts.several()) return null // the page scrolls
  if (asked.class) return event.repeat ? () => {} : at => giveClassByKey(desk, asked.class.id, at)
  return asked.command.repeats || !event.repeat ? at => asked.command.work(desk, at) : null
}

const proposed = desk => tileOf(desk, desk.focus).proposed

// always: without an image in focus as well
const COMMANDS = new Map([
  ["a", { work: (desk, at) => acceptFocused(desk, at) }],
  ["x", { work: (desk, at) => decide(desk, "reject", proposed(desk), at) }],
  ["n", { work: (desk, at) => decide(desk, "none", null, at) }],
  ["/", { work: (desk, at) => askName(desk, at) }],
  ["e", { work: desk => exclude(desk, desk.focus) }],
  ["m", { work: desk => mark(desk, desk.focus) }],
  ["*", { work: markAll }],
  ["s", { work: desk => requestAction(desk, { action: "similar", position: desk.focus }) }],
  [" ", { work: focusNextOpen }],
  ["Enter", { work: desk => desk.data.more && turn(desk, "next"), always: true }],
  ["PageUp", { work: desk => desk.parts.step(-1), repeats: true, parts: true }],
  ["PageDown", { work: desk => desk.parts.step(1), repeats: true, parts: true }],
  ["Backspace", { work: (desk, at) => undo(desk, at), always: true }],
  ["ArrowLeft", { work: desk => moveFocus(desk, -1), repeats: true }],
  ["ArrowRight", { work: desk => moveFocus(desk, 1), repeats: true }],
  ["ArrowUp", { work: desk => moveFocus(desk, -columns(desk)), repeats: true }],
  ["ArrowDown", { work: desk => moveFocus(desk, columns(desk)), repeats: true }],
  ["?", { work: desk => toggleHelp(desk), always: true }],
])
