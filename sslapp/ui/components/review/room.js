// Divides the room of the Review page between map and desk, and makes it as high as the window.
//
// The panes belong to Streamlit. Nothing is put among them: the divider floats over the gap between
// them, and what it decides goes to them as variables of the room's style.

import { mounted } from "../common/mounting.js"
import { readKept, writeKept } from "../common/storage.js"

const USUAL = 40 // per cent of the width that the first pane has
const [LEAST, MOST, STEP] = [20, 75, 2]
const BELOW = 12 // pixels left free under the room
const LOWEST = 460 // pixels that the room has at least; a lower window scrolls
const NARROW = 900

// what the two buttons say and show, by what is folded
const FIRST = { "": ["Fold the map", "‹"], first: ["Show the map", "›"], second: ["", ""] }
const SECOND = { "": ["Fold the images", "›"], second: ["Show the images", "‹"], first: ["", ""] }

const clamped = share => Math.min(MOST, Math.max(LEAST, share))

function makeRoom(parentElement) {
  const divider = parentElement.querySelector(".divider")
  const [foldFirst, foldSecond] = divider.querySelectorAll("button")
  let data = null
  let kept = { split: USUAL, folded: "" }
  let pending = 0

  const room = () => document.querySelector(`.st-key-${data.room}`)
  const pane = name => document.querySelector(`.st-key-${name}`)

  function layOut() {
    pending = 0
    const place = room()
    if (!place) return
    const narrow = innerWidth <= NARROW
    const top = place.getBoundingClientRect().top + scrolled(place)
    place.style.setProperty("--room-height", `${Math.max(LOWEST, innerHeight - top - BELOW)}px`)
    place.style.setProperty("--room-split", kept.split)
    place.dataset.folded = narrow ? "" : kept.folded
    divider.hidden = narrow
    if (!narrow) placeDivider(place.getBoundingClientRect())
  }

  function scrolled(place) {
    for (let each = place.parentElement; each; each = each.parentElement) {
      if (each.scrollTop) return each.scrollTop
    }
    return 0
  }

  function placeDivider(box) {
    const shown = pane(kept.folded === "first" ? data.second : data.first)?.getBoundingClientRect()
    if (!shown) return
    const gap = { first: box.left - 8, second: box.right + 8, "": shown.right + 8 }[kept.folded]
    divider.style.left = `${gap - 8}px`
    divider.style.top = `${box.top}px`
    divider.style.height = `${box.height}px`
    divider.setAttribute("aria-valuenow", { first: 0, second: 100, "": Math.round(kept.split) }[kept.folded])
    title(foldFirst, FIRST[kept.folded])
    title(foldSecond, SECOND[kept.folded])
  }

  function title(button, [words, sign]) {
    button.hidden = !words
    button.title = words
    button.setAttribute("aria-label", words)
    button.textContent = sign
  }

  function keep(fresh) {
    kept = { ...kept, ...fresh }
    writeKept(data.scope, kept)
    layOut()
    soon() // once more when the panes have moved
  }

  function soon() {
    pending ||= requestAnimationFrame(layOut)
  }

  function share(clientX) {
    const { left, width } = room().getBoundingClientRect()
    return clamped((100 * (clientX - left)) / width)
  }

  divider.onpointerdown = event => {
    if (event.target !== divider || event.button) return
    divider.setPointerCapture(event.pointerId)
    divider.classList.add("moving")
    divider.onpointermove = moved => keep({ split: share(moved.clientX), folded: "" })
  }
  divider.onpointerup = divider.onpointercancel = () => {
    divider.classList.remove("moving")
    divider.onpointermove = null
  }
  divider.ondblclick = event => event.target === divider && keep({ split: USUAL, folded: "" })
  divider.onkeydown = event => {
    const by = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key]
    if (!by) return
    event.preventDefault()
    event.stopPropagation()
    keep({ split: clamped(kept.split + by), folded: "" })
  }
  foldFirst.onclick = () => keep({ folded: kept.folded === "first" ? "" : "first" })
  foldSecond.onclick = () => keep({ folded: kept.folded === "second" ? "" : "second" })

  // messages above come and go, and so does the room itself
  const grown = new ResizeObserver(soon)
  const observer = new MutationObserver(soon)
  addEventListener("resize", soon)
  addEventListener("scroll", soon, true)

  return {
    update({ data: fresh }) {
      data = fresh
      kept = { ...kept, ...readKept(data.scope, {}) }
      grown.disconnect()
      grown.observe(document.body)
      observer.observe(document.body, { childList: true, subtree: true })
      layOut()
    },
    close() {
      grown.disconnect()
      observer.disconnect()
      cancelAnimationFrame(pending)
      removeEventListener("resize", soon)
      removeEventListener("scroll", soon, true)
    },
  }
}

export default mounted(component => {
  const made = makeRoom(component.parentElement)
  made.update(component)
  return made
})
