// What the mouse does at the desk.

import { epochMillis } from "../common/clock.js"
import { element } from "../common/elements.js"
import { decide, exclude } from "./decisions.js"
import { focusOn } from "./focus.js"
import { toggleHelp } from "./panel.js"
import { requestAction, requestBulk, turn } from "./requests.js"
import { tileOf } from "./state.js"
import { dot } from "./words.js"

export function wire(desk) {
  const { find } = desk
  const press = (name, work) => {
    find(name).onclick = event => {
      event.currentTarget.blur() // or the next space would press it again
      work(epochMillis())
    }
  }
  press("back", () => turn(desk, "back"))
  press("next", () => turn(desk, "next"))
  press("check", () => requestBulk(desk, "check"))
  press("accept", () => requestBulk(desk, "accept"))
  press("withhold", () => requestBulk(desk, "withhold"))
  press("relabel", () => openMenu(desk, find("menu").hidden))
  press("help", () => toggleHelp(desk))
  press("one-accept", at => decide(desk, "accept", tileOf(desk, desk.focus).proposed, at))
  press("one-reject", at => decide(desk, "reject", tileOf(desk, desk.focus).proposed, at))
  press("one-exclude", () => exclude(desk, desk.focus))
  press("one-similar", () => requestAction(desk, { action: "similar", position: desk.focus }))
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

function openMenu(desk, open) {
  const menu = desk.find("menu")
  menu.hidden = !open
  desk.find("relabel").setAttribute("aria-expanded", open)
  if (!open) return
  const items = [...desk.classes.values()].map(each => {
    const item = element("button", "item", { type: "button" })
    item.setAttribute("role", "menuitem")
    item.append(dot(each.colour), element("span", "", { textContent: each.name }))
    item.onclick = () => {
      openMenu(desk, false)
      requestBulk(desk, "relabel", each.id)
    }
    return item
  })
  menu.replaceChildren(...items)
  items[0]?.focus()
}

function setSize(desk, pixels) {
  desk.find("desk").style.setProperty("--thumb", `${pixels}px`)
  localStorage.setItem("sslapp-thumbnail", pixels)
}
