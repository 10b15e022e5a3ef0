/* The sheet of thumbnails and the bar above it. */

const STAMPS = { accept: "accepted", reject: "rejected", relabel: "relabelled" }

function drawGrid(desk, turned) {
  const grid = desk.find("grid")
  if (turned) {
    desk.tiles = new Map(
      desk.data.images.map(info => [info.p, { info, node: makeTile(info) }]),
    )
    grid.replaceChildren(...[...desk.tiles.values()].map(each => each.node))
    grid.scrollTop = 0
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
  frame.append(picture, element("span", "stamp"), element("span", "marks"))
  const line = element("span", "line")
  line.append(element("span", "dot"), element("span", "what"), element("span", "sure"))
  tile.append(frame, line)
  return tile
}

function drawTile(desk, position) {
  const tile = desk.tiles.get(position)
  if (!tile) return
  const { info, node } = tile
  const mine = desk.decided.get(position)
  const shown = shownClass(info, mine)
  const part = name => node.querySelector("." + name)
  node.style.setProperty("--class", desk.classes.get(shown)?.colour ?? "transparent")
  part("what").textContent = shown === null ? "none left" : className(desk, shown)
  part("sure").textContent = mine || info.label || info.proposed === null ? "" : percent(info.sure)
  if (info.blind) part("what").textContent = "holdout"
  part("stamp").textContent = stamp(desk, info, mine)
  part("marks").textContent = (info.flipped ? "↺" : "") + (info.disagrees ? "≠" : "")
  node.className = `tile ${tileState(info, mine)}`
  node.classList.toggle("is-out", desk.excluded.has(position))
  node.classList.toggle("is-focused", desk.focus === position)
  node.setAttribute("aria-selected", desk.focus === position)
  node.setAttribute("aria-label", tileWords(desk, info, mine))
  node.title = mine?.reason ?? tileWords(desk, info, mine)
}

function shownClass(info, mine) {
  if (mine && mine.state !== "refused") return mine.classId
  return info.label ? info.label.class : info.proposed
}

function tileState(info, mine) {
  if (mine?.state === "refused") return "is-refused"
  if (mine) return `is-decided is-${mine.kind} is-${mine.state}`
  if (info.blind || info.held) return "is-closed"
  if (info.label) return "is-decided is-accept"
  return info.withheld ? "is-decided" : ""
}

function stamp(desk, info, mine) {
  if (mine?.state === "refused") return info.label ? info.label.reader : "refused"
  if (mine) return STAMPS[mine.kind]
  if (info.blind) return "not shown"
  if (info.held) return info.held
  if (info.label) return info.label.source === "accepted" ? "accepted" : "labelled"
  return info.withheld ? "withheld" : desk.excluded.has(info.p) ? "left out" : ""
}

function tileWords(desk, info, mine) {
  const shown = shownClass(info, mine)
  const words = [`Image ${info.p}`, shown === null ? "" : className(desk, shown)]
  if (!mine && !info.label && info.proposed !== null) words.push(percent(info.sure))
  words.push(stamp(desk, info, mine))
  if (info.flipped) words.push("predicted otherwise by the round before")
  if (info.disagrees) words.push("its nearest labelled images are of another class")
  return words.filter(Boolean).join(", ")
}

function drawBar(desk) {
  const { find, data } = desk
  const count = meant(desk)
  const images = number => `${number.toLocaleString("en")} ${number === 1 ? "image" : "images"}`
  find("total").textContent = `${images(data.total)} selected`
  const mine = standing(desk).length
  const aside = [
    desk.excluded.size ? `${desk.excluded.size} left out` : "",
    mine ? `${mine} decided on this sheet` : "",
  ]
  find("aside").textContent = aside.filter(Boolean).join(" · ")
  find("range").textContent = data.range
  find("back").disabled = !data.less
  find("next").disabled = !data.more
  const number = count.toLocaleString("en")
  find("accept").textContent = `Accept ${number}`
  find("withhold").textContent = `Withhold ${number}`
  find("relabel").textContent = `Relabel ${number} as…`
  for (const name of ["accept", "withhold", "relabel"]) find(name).disabled = count <= 0
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
      askBulk(desk, "relabel", each.id)
    }
    return item
  })
  menu.replaceChildren(...items)
  items[0]?.focus()
}

/* small words and elements that every part uses */

function element(tag, className, properties = {}) {
  const made = document.createElement(tag)
  if (className) made.className = className
  return Object.assign(made, properties)
}

function dot(colour) {
  const made = element("span", "dot")
  made.style.setProperty("--class", colour)
  return made
}

function percent(share) {
  if (share > 0 && share < 0.005) return "< 1 %"
  if (share >= 0.9995 && share < 1) return "> 99.9 %"
  return `${(100 * share).toFixed(share > 0.99 && share < 1 ? 1 : 0)} %`
}

const className = (desk, id) => desk.classes.get(id)?.name ?? "a retired class"

const labelWords = (desk, label) =>
  label.source === "accepted"
    ? `${className(desk, label.class)}, accepted by ${label.reader}`
    : `${className(desk, label.class)} by ${label.reader}`
