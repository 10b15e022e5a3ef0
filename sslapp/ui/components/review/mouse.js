// What the mouse does at the desk.

import { epochMillis } from "../common/clock.js"
import { element } from "../common/elements.js"
import { readKept, writeKept } from "../common/storage.js"
import { acceptFocused, askName, decide, exclude } from "./decisions.js"
import { focusOn } from "./focus.js"
import { giveClassByMenu, mark, markAll, markTo } from "./marking.js"
import { toggleHelp } from "./panel.js"
import { requestAction, requestBulk, turn } from "./requests.js"
import { tileOf } from "./state.js"
import { dot } from "./words.js"

const THUMBNAIL = "sslapp-thumbnail"
const BESIDE = "sslapp-review-beside"
const [NARROWEST, WIDEST] = [240, 560]

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
  press("mark-all", () => markAll(desk))
  press("help", () => toggleHelp(desk))
  press("one-accept", at => acceptFocused(desk, at))
  press("one-reject", at => decide(desk, "reject", tileOf(desk, desk.focus).proposed, at))
  press("one-none", at => decide(desk, "none", null, at))
  press("one-name", at => askName(desk, at))
  press("one-exclude", () => exclude(desk, desk.focus))
  press("one-similar", () => requestAction(desk, { action: "similar", position: desk.focus }))
  find("grid").onclick = event => {
    const node = event.target.closest(".tile")
    if (!node) return
    const position = Number(node.dataset.position)
    const adds = event.ctrlKey || event.metaKey || event.target.closest(".mark")
    if (event.shiftKey) markTo(desk, position)
    else if (adds || desk.marked.size || desk.data.round === null) mark(desk, position)
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
  size.value = readKept(THUMBNAIL, 80)
  size.oninput = () => setSize(desk, size.value)
  setSize(desk, size.value)
  wireDivider(desk)
}

// The width of the image in focus with its evidence, in pixels; kept in the browser.
function wireDivider(desk) {
  const divider = desk.find("divider")
  let width = readKept(BESIDE, 320)
  const set = wanted => {
    width = Math.round(Math.min(WIDEST, Math.max(NARROWEST, wanted)))
    desk.find("desk").style.setProperty("--beside", `${width}px`)
    divider.setAttribute("aria-valuenow", width)
    writeKept(BESIDE, width)
  }
  set(width)
  divider.onpointerdown = event => {
    divider.setPointerCapture(event.pointerId)
    divider.classList.add("moving")
    const from = event.clientX + width
    divider.onpointermove = moved => set(from - moved.clientX)
  }
  divider.onpointerup = divider.onpointercancel = () => {
    divider.classList.remove("moving")
    divider.onpointermove = null
  }
  divider.ondblclick = () => set(320)
  divider.onkeydown = event => {
    const by = { ArrowLeft: 16, ArrowRight: -16 }[event.key]
    if (!by) return
    event.preventDefault()
    event.stopPropagation()
    set(width + by)
  }
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
      giveClassByMenu(desk, each.id)
    }
    return item
  })
  menu.replaceChildren(...items)
  items[0]?.focus()
}

function setSize(desk, pixels) {
  desk.find("desk").style.setProperty("--thumb", `${pixels}px`)
  writeKept(THUMBNAIL, Number(pixels))
}
