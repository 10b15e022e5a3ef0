/* What keys and the mouse do at the desk; strokes.js says which key an event is. A class key wins
   over a command of the same letter, which then takes Shift. */

function onKey(desk, event) {
  const shown = (desk.root.host ?? desk.root).getClientRects().length
  const done = shown && isHeard(event, ".grid") ? keyWork(desk, event) : null
  if (!done) return
  event.preventDefault()
  event.stopPropagation()
  done(performance.timeOrigin + event.timeStamp)
}

function keyWork(desk, event) {
  const asked = meaning(event, desk.byKey, COMMANDS)
  if (!desk.find("keys").hidden && event.key === "Escape") return () => help(desk)
  if (!asked || (desk.focus === null && !asked.command?.always)) return null
  if (asked.class) return event.repeat ? () => {} : at => decide(desk, "relabel", asked.class.id, at)
  return asked.command.repeats || !event.repeat ? at => asked.command.work(desk, at) : null
}

const proposed = desk => tileOf(desk, desk.focus).proposed

/* always: without an image in focus as well */
const COMMANDS = new Map([
  ["a", { work: (desk, at) => decide(desk, "accept", proposed(desk), at) }],
  ["x", { work: (desk, at) => decide(desk, "reject", proposed(desk), at) }],
  ["e", { work: desk => exclude(desk, desk.focus) }],
  ["s", { work: desk => ask(desk, { action: "similar", position: desk.focus }) }],
  [" ", { work: moveOn }],
  ["Enter", { work: desk => desk.data.more && turn(desk, "next"), always: true }],
  ["Backspace", { work: (desk, at) => undo(desk, at), always: true }],
  ["ArrowLeft", { work: desk => step(desk, -1), repeats: true }],
  ["ArrowRight", { work: desk => step(desk, 1), repeats: true }],
  ["ArrowUp", { work: desk => step(desk, -across(desk)), repeats: true }],
  ["ArrowDown", { work: desk => step(desk, across(desk)), repeats: true }],
  ["?", { work: desk => help(desk), always: true }],
])

function exclude(desk, position) {
  if (desk.excluded.has(position)) desk.excluded.delete(position)
  else if (isOpen(desk, position)) desk.excluded.add(position)
  else return cue(desk, "Only images that wait for a decision can be left out.")
  say(desk, `Image ${position} ${desk.excluded.has(position) ? "left out" : "back in"}`)
  drawTile(desk, position)
  drawBar(desk)
  drawPanel(desk)
}

/* -- the mouse -------------------------------------------------------------------------------- */

function wire(desk) {
  const { find } = desk
  const press = (name, work) => {
    find(name).onclick = event => {
      event.currentTarget.blur() // or the next space would press it again
      work(epoch())
    }
  }
  press("back", () => turn(desk, "back"))
  press("next", () => turn(desk, "next"))
  press("accept", () => askBulk(desk, "accept"))
  press("withhold", () => askBulk(desk, "withhold"))
  press("relabel", () => openMenu(desk, find("menu").hidden))
  press("help", () => help(desk))
  press("one-accept", at => decide(desk, "accept", proposed(desk), at))
  press("one-reject", at => decide(desk, "reject", proposed(desk), at))
  press("one-exclude", () => exclude(desk, desk.focus))
  press("one-similar", () => ask(desk, { action: "similar", position: desk.focus }))
  find("grid").onclick = event => {
    const node = event.target.closest(".tile")
    if (!node) return
    const position = Number(node.dataset.position)
    if (event.ctrlKey || event.metaKey || event.shiftKey) exclude(desk, position)
    else focusOn(desk, position, true)
  }
  find("menu").onkeydown = event => {
    if (event.key !== "Escape") return
    openMenu(desk, false)
    find("relabel").focus()
  }
  find("desk").onclick = event => {
    if (!event.target.closest(".relabel-at")) openMenu(desk, false)
  }
  const size = find("size").querySelector("input")
  size.value = localStorage.getItem("sslapp-thumbnail") ?? "80"
  size.oninput = () => setSize(desk, size.value)
  setSize(desk, size.value)
}

function setSize(desk, pixels) {
  desk.find("desk").style.setProperty("--thumb", `${pixels}px`)
  localStorage.setItem("sslapp-thumbnail", pixels)
}
