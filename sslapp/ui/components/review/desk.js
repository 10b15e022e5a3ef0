/* The review desk: which image is in focus, what is decided, what the keys do.

   A sheet of images comes from Python; single decisions go out by the outbox, and the sheet shows
   them at once. Python hears three things only: a bulk decision or a wish for similar images
   ("ask"), another sheet ("turn"), and that single decisions were saved ("changed").

   The module is put together from reading/outbox.js, reading/strokes.js, reading/clock.js,
   decisions.js, focus.js, grid.js, panel.js, keys.js and this file. What people typed is set as
   textContent, never as markup. */

const RENEW_MS = 240000 // the page's leases are renewed while it is open

const desks = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  let desk = desks.get(parentElement)
  if (!desk) desks.set(parentElement, (desk = openDesk(parentElement)))
  desk.tell = setTriggerValue
  take(desk, data)
  return () => {
    closeDesk(desk)
    desks.delete(parentElement)
  }
}

function openDesk(root) {
  const find = name => root.querySelector("." + name)
  const desk = {
    root, find, data: null, tell: null, box: null, scope: null, selection: null, sheet: null,
    classes: new Map(), byKey: new Map(), tiles: new Map(), order: [], focus: null,
    decided: new Map(), rejected: new Set(), excluded: new Set(), opened: new Set(), history: [],
    inspections: new Map(), ahead: new Map(), paintedAt: null, painted: null, showing: 0, clock: makeClock(),
    asked: null, wish: null, drawnFor: null, showNames: false, quiet: 0, cueEnds: 0,
  }
  desk.onkey = event => onKey(desk, event)
  window.addEventListener("keydown", desk.onkey, true) // before Streamlit's own shortcuts
  desk.renew = setInterval(() => {
    if (!document.hidden) desk.tell("changed", Date.now())
  }, RENEW_MS)
  wire(desk)
  return desk
}

function closeDesk(desk) {
  window.removeEventListener("keydown", desk.onkey, true)
  desk.clock.stop()
  clearInterval(desk.renew)
  clearTimeout(desk.quiet)
  desk.box?.detach() // what is unsent goes on being sent
}

/* -- what comes from Python ------------------------------------------------------------------- */

function take(desk, data) {
  desk.data = data
  desk.classes = new Map(data.classes.map(each => [each.id, each]))
  desk.byKey = new Map(data.classes.filter(each => each.key).map(each => [each.key, each]))
  if (data.scope !== desk.scope) changeScope(desk, data)
  if (data.selection !== desk.selection || bulkArrived(desk, data)) {
    desk.selection = data.selection
    desk.excluded.clear()
    desk.rejected.clear()
    desk.opened.clear()
    desk.asked = null
  }
  desk.inspections.clear() // what experts said may have changed
  const turned = data.sheet !== desk.sheet
  if (turned) {
    desk.sheet = data.sheet
    desk.decided = new Map()
    desk.order = data.images.map(each => each.p)
  }
  drawGrid(desk, turned)
  drawBar(desk)
  if (turned) focusOn(desk, firstOpen(desk, 0) ?? desk.order[0] ?? null, false)
  else drawPanel(desk)
}

function bulkArrived(desk, data) {
  return desk.asked !== null && desk.asked !== data.total
}

function changeScope(desk, data) {
  desk.box?.detach()
  desk.scope = data.scope
  desk.history = storedHistory(data.scope)
  desk.box = makeOutbox({
    key: data.scope,
    url: `${data.base}/decisions`,
    onReceipt: receipt => onReceipt(desk, receipt),
    onState: state => onState(desk, state),
  })
}
