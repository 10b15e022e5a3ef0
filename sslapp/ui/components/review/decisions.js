/* Decisions at the desk: single ones go into the outbox, others are asked of the page. */

const PAINTED_MS = 50 // an image must have been on screen this long before a key about it counts
const QUIET_MS = 800 // after the last saved decision, before the page is asked to run again
const HISTORY = 500

function decide(desk, kind, classId, pressedAt) {
  const position = desk.focus
  if (position === null || halted(desk)) return
  const why = hindrance(desk, tileOf(desk, position), kind)
  if (why) return cue(desk, why)
  if (desk.paintedAt === null || pressedAt < desk.paintedAt + PAINTED_MS)
    return cue(desk, "Too early: the image was not on screen yet.")
  const name = record(desk, {
    kind, position, image: desk.painted, class_id: classId, round: desk.data.round,
    painted_at: desk.paintedAt, pressed_at: pressedAt,
    active_ms: desk.clock.read(),
  })
  desk.decided.set(position, { kind, classId, name, state: "waiting" })
  desk.excluded.delete(position)
  desk.opened.delete(position) // it is a reader action of its own
  if (kind === "reject") desk.rejected.add(position) // and not to be accepted as its second class
  remember(desk, [...desk.history, { name, position }])
  drawTile(desk, position)
  say(desk, `Image ${position} ${STAMPS[kind]}: ${className(desk, classId)}`)
  moveOn(desk)
}

// whether the page has lost its workspace, with a word about it
function halted(desk) {
  const { trouble } = desk.box.state()
  if (trouble) cue(desk, trouble)
  return Boolean(trouble)
}

function hindrance(desk, tile, kind) {
  if (tile.blind) return "This image measures: it belongs to the holdout or the test split."
  if (tile.held) return `${tile.held} has this image open.`
  const mine = desk.decided.get(tile.p)
  if (kind === "relabel") return ""
  if (mine && mine.state !== "refused") return "Decided already. Backspace takes the last one back."
  if (tile.label) return `Has a label already: ${labelWords(desk, tile.label)}.`
  if (tile.proposed === null) return "No class is left to propose. Press a class key."
  return ""
}

function undo(desk, pressedAt) {
  if (halted(desk)) return
  const last = desk.history.at(-1)
  if (!last) return cue(desk, "Nothing to take back.")
  record(desk, { kind: "undo", of: last.name, pressed_at: pressedAt })
  remember(desk, desk.history.slice(0, -1))
  desk.decided.delete(last.position)
  desk.rejected.delete(last.position)
  drawTile(desk, last.position)
  say(desk, `Taken back: image ${last.position}`)
  if (desk.order.includes(last.position)) focusOn(desk, last.position, true)
  drawBar(desk)
}

function record(desk, item) {
  clearTimeout(desk.quiet)
  return desk.box.add(item)
}

function remember(desk, history) {
  desk.history = history.slice(-HISTORY)
  try {
    sessionStorage.setItem(desk.scope + "-history", JSON.stringify(desk.history))
  } catch {
    // a full storage: the history then ends with the page
  }
}

function storedHistory(scope) {
  try {
    return JSON.parse(sessionStorage.getItem(scope + "-history") ?? "[]")
  } catch {
    return []
  }
}

function onReceipt(desk, receipt) {
  const named = each => `${receipt.client}:${each.seq}`
  const reasons = new Map(receipt.refused.map(each => [named(each), each.reason]))
  const saved = new Set(receipt.acked.map(named))
  for (const [position, mine] of desk.decided) {
    if (saved.has(mine.name)) mine.state = "saved"
    if (reasons.has(mine.name)) {
      Object.assign(mine, { state: "refused", reason: reasons.get(mine.name) })
      lookAgain(desk, position)
    }
    drawTile(desk, position)
  }
  if (reasons.size) {
    remember(desk, desk.history.filter(each => !reasons.has(each.name)))
    cue(desk, [...reasons.values()].at(-1))
  }
  drawPanel(desk)
  refreshSoon(desk)
}

function onState(desk, { unsent, away, trouble }) {
  const words = away ? "the server does not answer; it is tried again" : "saving"
  const saved = desk.find("saved")
  saved.textContent = trouble || (unsent ? `${unsent} unsaved: ${words}` : "")
  saved.classList.toggle("trouble", Boolean(trouble || away))
  if (trouble) desk.wish = null
  if (unsent === 0 && desk.wish) sendWish(desk)
}

function refreshSoon(desk) {
  clearTimeout(desk.quiet)
  if (desk.box.state().unsent) return
  desk.quiet = setTimeout(() => desk.tell("changed", Date.now()), QUIET_MS)
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

/* -- what Python is asked for ----------------------------------------------------------------- */

function ask(desk, wish) {
  if (halted(desk)) return
  desk.wish = { ...wish, workspace: desk.data.workspace, sheet: desk.sheet }
  if (desk.box.state().unsent === 0) sendWish(desk) // else when the single decisions are saved
  else cue(desk, "A moment: single decisions are saved first.")
}

function sendWish(desk) {
  const wish = desk.wish
  desk.wish = null
  clearTimeout(desk.quiet)
  if (wish.action !== "similar") desk.asked = desk.data.total
  desk.tell("ask", wish)
}

function askBulk(desk, action, classId = null) {
  if (meant(desk) <= 0) return
  const out = new Set([...desk.excluded, ...desk.rejected, ...standing(desk)])
  ask(desk, {
    action, class_id: classId, key: newClient(), selection: desk.selection,
    excluded: [...out].sort((a, b) => a - b), opened: desk.opened.size,
  })
}

function turn(desk, to) {
  if (halted(desk)) return
  desk.tell("turn", { to, sheet: desk.sheet })
}

// decided singly on this sheet: no bulk decision is about them
function standing(desk) {
  const decided = [...desk.decided].filter(([, mine]) => mine.state !== "refused")
  return decided.map(([position]) => position)
}

// how many images a bulk decision would be about
function meant(desk) {
  const counted = standing(desk).filter(each => tileOf(desk, each).there)
  return desk.data.total - desk.excluded.size - counted.length
}
