// The sheet of thumbnails and the bar above it.

import { element, thousands } from "../common/elements.js"
import { STAMPS, bulkCount, className, decidedPositions, isOpen, noClass, shownClass } from "./state.js"
import { percent } from "./words.js"

export function drawGrid(desk, turned) {
  const grid = desk.find("grid")
  if (turned) {
    desk.tiles = new Map(
      desk.data.images.map(info => [info.p, { info, node: makeTile(info) }]),
    )
    grid.replaceChildren(...[...desk.tiles.values()].map(each => each.node))
    grid.scrollTop = 0
    desk.sight.watch([...desk.tiles.values()].map(each => each.node))
  }
  for (const info of desk.data.images) {
    desk.tiles.get(info.p).info = info
    drawTile(desk, info.p)
  }
}

function makeTile(info) {
  const tile = element("button", "tile", { type: "button", tabIndex: -1 })
  tile.dataset.position = info.p
  tile.setAttribute("role", "option")
  const picture = element("img", "", { src: info.thumb, alt: "", draggable: false })
  const frame = element("span", "frame")
  const mark = element("span", "mark", { textContent: "✓" })
  frame.append(picture, mark, element("span", "stamp"), element("span", "marks"))
  const line = element("span", "line")
  line.append(element("span", "dot"), element("span", "what"), element("span", "sure"))
  tile.append(frame, line, element("span", "why"))
  return tile
}

export function drawTile(desk, position) {
  const tile = desk.tiles.get(position)
  if (!tile) return
  const { info, node } = tile
  const decision = desk.decided.get(position)
  const shown = shownClass(info, decision)
  const part = name => node.querySelector("." + name)
  node.style.setProperty("--class", desk.classes.get(shown)?.colour ?? "transparent")
  part("what").textContent = shown === null ? nothingFits(desk, decision) : className(desk, shown)
  part("sure").textContent = decision || info.label || info.proposed === null ? "" : percent(info.sure)
  if (info.blind) part("what").textContent = "holdout"
  part("stamp").textContent = stamp(desk, info, decision)
  part("why").textContent = info.why
  part("marks").textContent = (info.flipped ? "↺" : "") + (info.disagrees ? "≠" : "")
  node.className = `tile ${tileState(info, decision)}`
  node.classList.toggle("is-out", desk.excluded.has(position))
  node.classList.toggle("is-focused", desk.focus === position)
  const marked = desk.marked.has(position)
  node.classList.toggle("is-marked", marked)
  node.classList.toggle("can-be-marked", isOpen(desk, position))
  node.setAttribute("aria-selected", marked || (!desk.marked.size && desk.focus === position))
  node.setAttribute("aria-label", tileWords(desk, info, decision))
  node.title = decision?.reason ?? tileWords(desk, info, decision)
}

// one that nothing fits is stamped so
const nothingFits = (desk, decision) => (decision?.kind === "none" ? "" : noClass(desk))

function tileState(info, decision) {
  if (decision?.state === "refused") return "is-refused"
  if (decision) return `is-decided is-${decision.kind} is-${decision.state}`
  if (info.blind || info.held) return "is-closed"
  if (info.label && !info.questioned) return "is-decided is-accept"
  return info.withheld ? "is-decided" : ""
}

function stamp(desk, info, decision) {
  if (decision?.state === "refused") return info.label ? info.label.reader : "refused"
  if (decision) return STAMPS[decision.kind]
  if (desk.labelling?.marked.includes(info.p)) return "saving …"
  if (info.blind) return "not shown"
  if (info.held) return info.held
  const proposed = desk.data.round !== null
  if (info.label) return proposed && info.label.source === "accepted" ? "accepted" : "labelled"
  return info.withheld ? "withheld" : desk.excluded.has(info.p) ? "left out" : ""
}

function tileWords(desk, info, decision) {
  const shown = shownClass(info, decision)
  const words = [`Image ${info.p}`, shown === null ? "" : className(desk, shown)]
  if (!decision && !info.label && info.proposed !== null) words.push(percent(info.sure))
  words.push(stamp(desk, info, decision), desk.marked.has(info.p) ? "marked" : "")
  if (info.flipped) words.push("predicted otherwise by the round before")
  if (info.disagrees) words.push("its nearest labelled images are of another class")
  words.push(info.why)
  return words.filter(Boolean).join(", ")
}

export function drawBar(desk) {
  const { find, data } = desk
  const count = bulkCount(desk)
  const images = number => `${thousands(number)} ${number === 1 ? "image" : "images"}`
  find("total").textContent = data.total ? `${images(data.total)} selected` : "Nothing selected"
  const decision = decidedPositions(desk).length
  const marked = desk.marked.size
  const aside = [
    marked ? `${marked} of ${desk.order.length} on this sheet marked` : "",
    desk.excluded.size ? `${desk.excluded.size} left out` : "",
    decision ? `${decision} decided on this sheet` : "",
  ]
  find("aside").textContent = aside.filter(Boolean).join(" · ")
  find("range").textContent = data.range
  find("back").disabled = !data.less
  find("next").disabled = !data.more
  drawBulk(desk, thousands(count))
  for (const name of ["check", "accept", "withhold", "relabel"]) {
    find(name).disabled = count <= 0 || Boolean(data.bulkRefusal)
    find(name).title = data.bulkRefusal
  }
}

// what is not proven is not offered first; marked images, and images without a round, get a class alone
function drawBulk(desk, number) {
  const { find } = desk
  const marked = desk.marked.size
  const classAlone = marked > 0 || desk.data.round === null
  find("check").hidden = desk.proven || classAlone
  find("check").textContent = "Check a sample"
  find("accept").hidden = classAlone
  find("accept").classList.toggle("primary", desk.proven)
  find("accept").textContent = desk.proven ? `Accept ${number}` : `Accept ${number} unproven…`
  find("withhold").hidden = classAlone
  find("withhold").textContent = `Withhold ${number}`
  find("relabel").classList.toggle("primary", classAlone)
  find("relabel").textContent = `${classAlone ? "Label" : "Relabel"} ${marked || number} as…`
  const all = find("mark-all")
  all.hidden = desk.order.length === 0
  all.textContent = marked ? "Unmark" : "Mark all"
}
