/* What keys and the mouse do at the desk. A class key wins over a command of the same letter, which
   then takes Shift. */

function onKey(desk, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !listens(desk, event)) return
  const done = keyWork(desk, event)
  if (!done) return
  event.preventDefault()
  event.stopPropagation()
  done(performance.timeOrigin + event.timeStamp)
}

// keys mean the desk unless something else on the page would take them
function listens(desk, event) {
  const target = event.composedPath()[0]
  const host = desk.root.host ?? desk.root
  if (!host.getClientRects().length || document.querySelector('[role="dialog"]')) return false
  if (!(target instanceof Element)) return true
  if (target.closest("input, textarea, select, [contenteditable=true], [role=slider]")) return false
  if (target.closest("[role=combobox], [role=listbox]:not(.grid), [role=menu]")) return false
  const pressed = target.closest("button, a, summary, [role=tab]")
  const native = event.key === " " || event.key === "Enter"
  return !(pressed && native && !target.closest(".tile"))
}

function keyWork(desk, event) {
  const { key } = event
  const chosen = desk.byKey.get(key)
  if (!desk.find("keys").hidden && key === "Escape") return () => help(desk)
  if (key === "?") return () => help(desk)
  if (desk.focus === null) return null
  if (chosen) return event.repeat ? () => {} : at => decide(desk, "relabel", chosen.id, at)
  return COMMANDS[key] && ((COMMANDS[key].repeats ?? false) || !event.repeat)
    ? at => COMMANDS[key].work(desk, at)
    : null
}

const proposed = desk => tileOf(desk, desk.focus).proposed

const COMMANDS = {
  a: { work: (desk, at) => decide(desk, "accept", proposed(desk), at) },
  x: { work: (desk, at) => decide(desk, "reject", proposed(desk), at) },
  e: { work: desk => exclude(desk, desk.focus) },
  E: { work: desk => exclude(desk, desk.focus) },
  s: { work: desk => ask(desk, { action: "similar", position: desk.focus }) },
  S: { work: desk => ask(desk, { action: "similar", position: desk.focus }) },
  " ": { work: moveOn },
  Enter: { work: desk => desk.data.more && turn(desk, "next") },
  Backspace: { work: (desk, at) => undo(desk, at) },
  ArrowLeft: { work: desk => step(desk, -1), repeats: true },
  ArrowRight: { work: desk => step(desk, 1), repeats: true },
  ArrowUp: { work: desk => step(desk, -across(desk)), repeats: true },
  ArrowDown: { work: desk => step(desk, across(desk)), repeats: true },
}

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
