// The review desk: which image is in focus, what is decided, what the keys do.
//
// A sheet of images comes from Python; single decisions go out by the outbox, and the sheet shows
// them at once. Python hears three things only: a bulk decision or a request for similar images
// ("ask"), another sheet ("turn"), and that single decisions were saved ("changed").
//
// What people typed is set as textContent, never as markup.

import { epochMillis, makeClock } from "../common/clock.js"
import { mounted } from "../common/mounting.js"
import { makeLately, makeNames } from "../common/names.js"
import { makeOutbox } from "../common/outbox.js"
import { makeParts } from "../common/parts.js"
import { classesByKey } from "../common/strokes.js"
import { makeViewport } from "../common/viewport.js"
import { giveNamed, onReceipt, onState, storedHistory } from "./decisions.js"
import { focusOn, swapPicture } from "./focus.js"
import { drawBar, drawGrid, drawTile } from "./grid.js"
import { onKey } from "./keys.js"
import { settleMarks } from "./marking.js"
import { wire } from "./mouse.js"
import { drawPanel } from "./panel.js"
import { makeSight } from "./sight.js"
import { firstOpen } from "./state.js"

const RENEW_MS = 240000 // the page's leases are renewed while it is open

export default mounted(component => {
  const desk = openDesk(component.parentElement)
  const update = ({ data, setTriggerValue }) => {
    desk.notify = setTriggerValue
    receiveData(desk, data)
  }
  update(component)
  return { update, close: () => closeDesk(desk) }
})

/** @returns {import("./state.js").Desk} */
function openDesk(root) {
  const find = name => root.querySelector("." + name)
  const desk = {
    root, find, data: null, notify: null, outbox: null, scope: null, selection: null, sheet: null,
    classes: new Map(), byKey: new Map(), tiles: new Map(), order: [], focus: null,
    decided: new Map(), rejected: new Set(), excluded: new Set(), opened: new Set(), history: [],
    seen: new Set(), marked: new Set(), anchor: null, labelling: null, sight: null,
    inspections: new Map(), ahead: new Map(), paintedAt: null, painted: null, showing: 0, clock: makeClock(),
    bulkTotal: null, pending: null, drawnFor: null, showNames: false, quiet: 0, cueEnds: 0,
    proven: false, changedAt: -Infinity, names: null, lately: null,
    viewport: null, parts: null,
  }
  desk.parts = makeParts({ stage: find("stage"), swap: img => swapPicture(desk, img) })
  desk.viewport = makeViewport(find("box"), () => find("large"), desk.parts.wheel)
  desk.names = makeNames({
    place: find("typing"),
    classes: () => desk.data.classes,
    lately: { ids: () => desk.lately.ids() },
    onGive: (event, chosen, about) => giveNamed(desk, chosen, about, epochMillis(event.timeStamp)),
    onToggle: () => (find("judge").hidden = desk.names.about() !== null),
  })
  desk.sight = makeSight(node => desk.seen.add(Number(node.dataset.position)))
  desk.onkey = event => onKey(desk, event)
  window.addEventListener("keydown", desk.onkey, true) // before Streamlit's own shortcuts
  desk.renew = setInterval(() => {
    if (!document.hidden) desk.notify("changed", Date.now())
  }, RENEW_MS)
  wire(desk)
  return desk
}

function closeDesk(desk) {
  window.removeEventListener("keydown", desk.onkey, true)
  desk.clock.stop()
  desk.viewport.stop()
  desk.sight.stop()
  clearInterval(desk.renew)
  clearTimeout(desk.quiet)
  desk.outbox?.detach() // what is unsent goes on being sent
}

// -- what comes from Python ----------------------------------------------------------------------

function receiveData(desk, data) {
  desk.data = data
  desk.classes = new Map(data.classes.map(each => [each.id, each]))
  desk.byKey = classesByKey(data.classes)
  if (data.scope !== desk.scope) changeScope(desk, data)
  if (data.selection !== desk.selection) {
    desk.seen.clear()
    takeKeys(desk)
  }
  if (data.selection !== desk.selection || bulkArrived(desk, data)) {
    desk.selection = data.selection
    desk.excluded.clear()
    desk.rejected.clear()
    desk.opened.clear()
    desk.bulkTotal = null
    desk.proven = data.proven
  } else if (data.proven !== desk.proven) {
    desk.proven = data.proven
    desk.changedAt = performance.now()
  }
  desk.inspections.clear() // what experts said may have changed
  const turned = data.sheet !== desk.sheet
  if (turned) {
    desk.sheet = data.sheet
    desk.decided = new Map()
    desk.order = data.images.map(each => each.p)
  }
  drawGrid(desk, turned)
  settleMarks(desk, turned)
  for (const position of desk.order) drawTile(desk, position)
  drawBar(desk)
  if (turned) focusOn(desk, firstOpen(desk, 0) ?? desk.order[0] ?? null, false)
  else drawPanel(desk)
}

/** After a choice in a box of the page, as of what to find, keys are the desk's again. */
function takeKeys(desk) {
  const held = document.activeElement
  if (held?.matches("input[role=combobox]")) desk.find("grid").focus({ preventScroll: true })
}

function bulkArrived(desk, data) {
  return desk.bulkTotal !== null && desk.bulkTotal !== data.total
}

function changeScope(desk, data) {
  desk.outbox?.detach()
  desk.scope = data.scope
  desk.history = storedHistory(data.scope)
  desk.lately = makeLately(data.lately)
  desk.outbox = makeOutbox({
    key: data.scope,
    url: `${data.base}/decisions`,
    onReceipt: receipt => onReceipt(desk, receipt),
    onState: state => onState(desk, state),
  })
}
