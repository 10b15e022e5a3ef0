// The pictures of a series that is held back, and the rectangles that are to be black in all of them.
//
// A slider goes from the brightest of all pictures through each of them. Rectangles are in pixels of
// the picture, whatever size it is shown at; they are drawn with the mouse or written in fields.

import { element, setText, textElement, thousands } from "../common/elements.js"
import { mounted } from "../common/mounting.js"
import { clipped, merged, spanned } from "./rectangles.js"

const TALLEST = 520 // of a picture on the page, in pixels of it
const MOST_ENLARGED = 6
const KEPT = 24 // pictures that were loaded: the server's answers are kept by no cache
const FIELDS = ["x", "y", "width", "height"]
const FOUND = "#ffb000" // on pictures, which are dark, whatever the theme

export default mounted(component => {
  const here = { series: null, rectangles: [], at: 0, drawing: null, image: null, loaded: new Map() }
  const update = ({ data, parentElement, setStateValue }) => {
    const isOther = here.series !== data.series
    Object.assign(here, { data, setStateValue, series: data.series, parts: partsOf(parentElement) })
    if (isOther) Object.assign(here, { rectangles: [], at: 0, drawing: null, loaded: new Map() })
    here.views = viewsOf(data)
    listen(here)
    list(here)
    turn(here, here.at)
  }
  update(component)
  const watch = new ResizeObserver(() => draw(here))
  watch.observe(here.parts.box)
  return { update, close: () => watch.disconnect() }
})

function partsOf(root) {
  const find = selector => root.querySelector(selector)
  return {
    box: find(".held"),
    turn: find(".turn"),
    slider: find(".turn input"),
    place: find(".place"),
    stage: find(".stage"),
    canvas: find("canvas"),
    fault: find(".fault"),
    list: find(".rectangles"),
    add: find(".add"),
    found: find(".found"),
  }
}

/** What the slider goes through: all of a size together, where there are several, then each. */
function viewsOf({ pictures, together }) {
  const shared = together.map(each => {
    const same = pictures.filter(one => one.width === each.width && one.height === each.height)
    const boxes = merged(same.flatMap(one => one.boxes))
    return { ...each, boxes, count: same.length }
  })
  const number = thousands(pictures.length)
  return [
    ...shared
      .filter(each => each.count > 1)
      .map(each => ({ ...each, title: `${thousands(each.count)} pictures at once: the brightest` })),
    ...pictures.map((each, at) => ({ ...each, title: `Picture ${thousands(at + 1)} of ${number}` })),
  ]
}

function listen(here) {
  const { slider, canvas, add, found, turn: row } = here.parts
  slider.max = String(here.views.length - 1)
  row.hidden = here.views.length < 2
  slider.oninput = () => turn(here, Number(slider.value))
  canvas.onpointerdown = event => begin(here, event)
  canvas.onpointermove = event => stretch(here, event)
  canvas.onpointerup = () => end(here)
  canvas.onpointercancel = () => {
    here.drawing = null
    draw(here)
  }
  add.onclick = () => {
    const { width, height } = view(here)
    change(here, [...here.rectangles, [0, 0, width, Math.max(1, Math.round(height / 8))]])
    here.parts.list.querySelector("li:last-child input").focus()
  }
  found.onclick = () => change(here, [...here.rectangles, ...boxesOf(here)])
  found.hidden = boxesOf(here).length === 0
  add.disabled = found.disabled = false // from here on somebody listens
}

/** The boxes around text in all pictures: a line that stands in each of them is one. */
const boxesOf = ({ data }) => merged(data.pictures.flatMap(each => each.boxes))

const view = here => here.views[here.at]

function turn(here, at) {
  here.at = Math.min(at, here.views.length - 1)
  const { slider, place, fault } = here.parts
  slider.value = String(here.at)
  setText(place, view(here).title)
  slider.setAttribute("aria-valuetext", view(here).title)
  if (here.image?.dataset.url === view(here).url) {
    draw(here)
    return
  }
  here.image = here.loaded.get(view(here).url) ?? load(here, view(here).url)
  fault.hidden = !here.image.dataset.fault
  setText(fault, here.image.dataset.fault ?? "")
  draw(here)
}

/** A picture, loaded from now on; those that were loaded first are forgotten. */
function load(here, url) {
  const image = new Image()
  const told = () => {
    if (here.image !== image) return // turned on meanwhile
    here.image = null
    turn(here, here.at)
  }
  image.dataset.url = url
  image.onload = told
  image.onerror = () => {
    image.dataset.fault = "This picture cannot be shown. Reload the page."
    told()
  }
  image.src = url
  here.loaded.set(url, image)
  if (here.loaded.size > KEPT) here.loaded.delete(here.loaded.keys().next().value)
  return image
}

// -- drawing -------------------------------------------------------------------------------------

function scaleOf(here) {
  const { width, height } = view(here)
  return Math.min(here.parts.box.clientWidth / width, TALLEST / height, MOST_ENLARGED)
}

function draw(here) {
  const { canvas } = here.parts
  const { width, height, boxes } = view(here)
  const scale = scaleOf(here)
  if (!(scale > 0)) return // the panel is folded
  const dense = window.devicePixelRatio || 1
  canvas.style.width = `${Math.round(width * scale)}px`
  canvas.style.height = `${Math.round(height * scale)}px`
  canvas.width = Math.round(width * scale * dense)
  canvas.height = Math.round(height * scale * dense)
  const pen = canvas.getContext("2d")
  const unit = canvas.width / width
  if (here.image.complete && here.image.naturalWidth) {
    pen.drawImage(here.image, 0, 0, canvas.width, canvas.height)
    pen.lineWidth = 1.5 * dense
    pen.strokeStyle = FOUND
    pen.setLineDash([5 * dense, 4 * dense])
    for (const box of boxes) pen.strokeRect(...box.map(each => each * unit))
    pen.setLineDash([])
  }
  pen.lineWidth = 1.5 * dense
  pen.strokeStyle = getComputedStyle(canvas).getPropertyValue("--st-primary-color") || FOUND
  const drawn = here.drawing ? [spanned(here.drawing, view(here))] : []
  for (const each of [...here.rectangles, ...drawn]) {
    const [x, y, w, h] = each.map(one => one * unit)
    pen.fillStyle = "#000"
    pen.fillRect(x, y, w, h)
    pen.strokeRect(x, y, w, h)
  }
}

function pointed(here, event) {
  const edge = here.parts.canvas.getBoundingClientRect()
  const { width, height } = view(here)
  return [
    ((event.clientX - edge.left) / edge.width) * width,
    ((event.clientY - edge.top) / edge.height) * height,
  ]
}

function begin(here, event) {
  if (event.button) return
  event.preventDefault()
  here.parts.canvas.setPointerCapture(event.pointerId)
  here.drawing = { from: pointed(here, event), to: pointed(here, event) }
}

function stretch(here, event) {
  if (!here.drawing) return
  here.drawing.to = pointed(here, event)
  draw(here)
}

function end(here) {
  if (!here.drawing) return
  const drawn = spanned(here.drawing, view(here))
  here.drawing = null
  if (drawn[2] > 1 && drawn[3] > 1) change(here, [...here.rectangles, drawn])
  else draw(here) // a click is no rectangle
}

// -- the rectangles ------------------------------------------------------------------------------

function change(here, rectangles) {
  here.rectangles = rectangles
  list(here)
  draw(here)
  here.setStateValue("rectangles", rectangles)
}

function list(here) {
  const lines = [...here.parts.list.children]
  here.rectangles.forEach((each, at) => {
    const line = lines[at] ?? here.parts.list.appendChild(lineOf(here, at))
    line.querySelectorAll("input").forEach((input, field) => {
      if (input !== here.parts.list.getRootNode().activeElement) input.value = String(each[field])
    })
  })
  lines.slice(here.rectangles.length).forEach(each => each.remove())
}

function lineOf(here, at) {
  const line = element("li")
  line.append(textElement("span", "", `Black ${at + 1}`))
  FIELDS.forEach((name, field) => {
    const input = element("input", "", { type: "number", min: field > 1 ? "1" : "0", step: "1" })
    input.setAttribute("aria-label", `${name} of rectangle ${at + 1}`)
    input.onchange = () => {
      const written = here.rectangles[at].with(field, Number(input.value) || 0)
      const kept = clipped(written, view(here))
      input.value = String(kept[field])
      change(here, here.rectangles.with(at, kept))
    }
    const label = element("label")
    label.append(textElement("span", "", name), input)
    line.append(label)
  })
  const remove = textElement("button", "remove", "Remove")
  remove.type = "button"
  remove.setAttribute("aria-label", `Remove rectangle ${at + 1}`)
  remove.onclick = () => change(here, here.rectangles.toSpliced(at, 1))
  line.append(remove)
  return line
}
