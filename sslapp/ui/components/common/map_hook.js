// Listens to a map and tells the server what the reader pointed at: the corners of a
// lasso or box, or one image. Streamlit's own selection would send every point inside, keep them as
// widget state and send them again with every later interaction; this sends about a kilobyte once.
//
// The chart belongs to Streamlit and may be mounted anew at any time, so the hook looks for it
// whenever the page changes. It also draws the card beside the pointer.

import { element, textElement } from "./elements.js"
import { inspectionAddress, nearTo } from "./evidence.js"
import { mounted } from "./mounting.js"

const CORNERS = 240 // of one lasso; beyond it every other corner goes, until it fits
const REST_MS = 120 // the pointer rests on an image before its evidence is fetched
const REMEMBERED = 400 // images whose evidence is remembered
const CLEARING_MS = 600 // two of plotly's double clicks
const AGAIN_MS = 4000 // a chart that is drawn anew meanwhile may bring its old outline back
const NEIGHBOURS = 5 // neighbours named on the card

const short = number => Number(number.toPrecision(6))

function thinned(corners) {
  while (corners.length > CORNERS) corners = corners.filter((_, i) => i % 2 === 0)
  return corners
}

// The corners of plotly's selections in the map's coordinates: [[[x, y], ...], ...]
function ringsOf(selections) {
  const rings = []
  for (const each of selections ?? []) {
    if (each.type === "rect") {
      const { x0, x1, y0, y1 } = each
      rings.push([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    } else if (each.type === "path") {
      for (const part of each.path.split("M").filter(Boolean)) {
        const corners = part.replace("Z", "").split("L").map(at => at.split(",").map(Number))
        rings.push(thinned(corners))
      }
    }
  }
  return rings.map(ring => ring.map(([x, y]) => [short(x), short(y)]))
}

const percentage = share => `${(100 * share).toFixed(1)} %`

// The card: thumbnail, proposed class with its confidence, and the nearest expert labels.
function makeCard(root) {
  const picture = element("img", "", { alt: "" })
  const facts = element("div", "facts")
  root.replaceChildren(picture, facts)
  let shown = null

  function place(pointer) {
    const { offsetWidth: width, offsetHeight: height } = root
    const right = pointer.clientX + 18
    const left = right + width > innerWidth ? pointer.clientX - width - 18 : right
    const top = Math.min(Math.max(pointer.clientY - height / 2, 8), innerHeight - height - 8)
    root.style.left = `${Math.max(left, 8)}px`
    root.style.top = `${top}px`
  }

  function classLine(classes, id, rest) {
    const known = classes.get(id)
    const line = element("div", "line")
    const dot = element("span", "dot")
    dot.style.background = known?.colour ?? "transparent"
    line.append(dot, textElement("span", "name", known?.name ?? "–"), textElement("span", "rest", rest))
    return line
  }

  return {
    open(position, source, pointer) {
      if (shown !== position) {
        shown = position
        picture.src = source
        facts.replaceChildren(textElement("div", "quiet", `Image ${position}`))
      }
      root.hidden = false
      place(pointer)
    },
    fill(position, found, classes) {
      if (shown !== position) return
      const lines = [textElement("div", "quiet", found.name ?? `Image ${position}`)]
      if (found.refused) lines.push(textElement("div", "quiet", found.refused))
      if (found.label) {
        lines.push(textElement("div", "quiet head", `Label (${found.label.source})`))
        lines.push(classLine(classes, found.label.class, ""))
      }
      if (found.proposed != null) {
        lines.push(textElement("div", "quiet head", "Proposed"))
        lines.push(classLine(classes, found.proposed, percentage(found.confidence)))
      }
      if (found.evidence?.length) {
        lines.push(textElement("div", "quiet head", `Nearest expert labels ${nearTo(found)}`))
        for (const each of found.evidence.slice(0, NEIGHBOURS)) {
          lines.push(classLine(classes, each.class, each.distance.toFixed(3)))
        }
      }
      facts.replaceChildren(...lines)
    },
    close() {
      shown = null
      root.hidden = true
    },
  }
}

// What the server says about an image, asked once the pointer rests, and remembered.
function makeEvidence() {
  const known = new Map()
  let timer = null
  let revision = null

  async function read(address) {
    const answer = await fetch(address, { headers: { Accept: "application/json" } })
    const found = await answer.json()
    if (answer.ok) return found
    return { refused: answer.status === 403 ? "Drawn to measure: no prediction is shown." : "" }
  }

  return {
    request(address, now, show) {
      clearTimeout(timer)
      if (revision !== now) {
        known.clear() // decisions were made: labels may have changed
        revision = now
      }
      if (known.has(address)) {
        show(known.get(address))
        return
      }
      timer = setTimeout(async () => {
        try {
          const found = await read(address)
          if (known.size >= REMEMBERED) known.delete(known.keys().next().value)
          known.set(address, found)
          show(found)
        } catch {
          // the card keeps the thumbnail; the next image asks again
        }
      }, REST_MS)
    },
    stop() {
      clearTimeout(timer)
    },
  }
}

// A double click in the map's corner: plotly's own way to take its outlines off.
function clearOutlines(chart) {
  const pad = chart.querySelector(".nsewdrag")
  if (!pad || !(chart.layout?.selections ?? []).length) return
  const { left, top } = pad.getBoundingClientRect()
  const at = { clientX: left + 1, clientY: top + 1, bubbles: true, button: 0 }
  for (let click = 0; click < 2; click++) {
    pad.dispatchEvent(new MouseEvent("mousedown", { ...at, buttons: 1 }))
    document.dispatchEvent(new MouseEvent("mouseup", at))
    const cover = document.querySelector(".dragcover")
    cover?.dispatchEvent(new MouseEvent("mouseup", at))
  }
}

function makeHook(parentElement) {
  const card = makeCard(parentElement.querySelector(".card"))
  const evidence = makeEvidence()
  let data = null
  let send = null
  let classes = new Map()
  let chart = null
  let outline = "[]" // the one that the server knows
  let pending = 0
  let clearingUntil = 0 // while the outline is taken off, what plotly says is our own doing
  let clearedUntil = 0 // until then an outline that the reader did not draw is taken off again

  function area(event) {
    const rings = ringsOf(event?.selections)
    const now = JSON.stringify(rings)
    if (now === outline || performance.now() < clearingUntil) return // plotly repeats itself whenever it draws
    outline = now
    if (!rings.length) {
      send("gesture", { kind: "clear" })
      return
    }
    const { xaxis, yaxis } = chart._fullLayout ?? chart.layout
    const ranges = [...xaxis.range, ...yaxis.range].map(short)
    send("gesture", { kind: "area", rings, ranges })
  }

  function cleared() {
    if (outline === "[]" || performance.now() < clearingUntil) return
    outline = "[]"
    send("gesture", { kind: "clear" })
  }

  function picked(event) {
    if (!event?.event?.isTrusted) return // our own, that takes the outline off
    const position = event?.points?.[0]?.customdata
    if (position !== undefined) send("gesture", { kind: "image", position: Number(position) })
  }

  function over(event) {
    const position = event?.points?.[0]?.customdata
    if (position === undefined) return
    const at = Number(position)
    card.open(at, `${data.base}/thumbs/${at}`, event.event)
    const address = inspectionAddress(data, at)
    evidence.request(address, data.revision, found => card.fill(at, found, classes))
  }

  function away() {
    evidence.stop()
    card.close()
  }

  function clear() {
    outline = "[]"
    clearingUntil = performance.now() + CLEARING_MS
    if (chart) clearOutlines(chart)
  }

  function redrawn() {
    const now = performance.now()
    if (now >= clearedUntil || !chart?.layout?.selections?.length) return
    if (now > clearingUntil) clear()
    else setTimeout(redrawn, clearingUntil - now + 20)
  }

  const listeners = {
    plotly_selecting: () => (clearedUntil = 0),
    plotly_afterplot: redrawn,
    plotly_selected: area,
    plotly_deselect: cleared,
    plotly_click: picked,
    plotly_hover: over,
    plotly_unhover: away,
  }

  function release() {
    if (!chart) return
    for (const [name, listener] of Object.entries(listeners)) {
      chart.removeListener?.(name, listener)
    }
    chart.removeEventListener("mouseleave", away)
    chart = null
  }

  function attach() {
    pending = 0
    const found = document.querySelector(`.st-key-${data.chart} .js-plotly-plot`)
    if (found === chart || !found?.on) return
    release()
    chart = found
    outline = JSON.stringify(ringsOf(chart.layout?.selections))
    for (const [name, listener] of Object.entries(listeners)) chart.on(name, listener)
    chart.addEventListener("mouseleave", away)
    chart.dataset.hooked = "yes"
  }

  const observer = new MutationObserver(() => {
    pending ||= requestAnimationFrame(attach)
  })

  return {
    update({ data: fresh, setTriggerValue }) {
      const asked = data !== null && fresh.clear !== data.clear
      data = fresh
      send = setTriggerValue
      classes = new Map(fresh.classes.map(each => [each.id, each]))
      observer.observe(document.body, { childList: true, subtree: true })
      attach()
      if (asked) {
        clearedUntil = performance.now() + AGAIN_MS
        clear()
      }
    },
    close() {
      observer.disconnect()
      cancelAnimationFrame(pending)
      away()
      release()
    },
  }
}

export default mounted(component => {
  const hook = makeHook(component.parentElement)
  hook.update(component)
  return hook
})
