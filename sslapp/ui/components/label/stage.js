// The stage: one image, its zoom, its window, and the moment from which it has been on screen.
//
// Images are loaded and decoded ahead in elements of their own, and the element itself is put on
// the stage, so that turning to the next image costs one frame. An image counts as painted in the
// first task after the frame that holds it. No key before that, or within 50 ms after the decoded
// image was put on the stage, is a decision about it.

import { epochMillis } from "../common/clock.js"
import { makeViewport } from "../common/viewport.js"

const PAINTED_MS = 50
const AHEAD = 5
const SLOW_MS = 150 // after which the old image is taken away while the next one loads
const RETRIES = [500, 1500, 3000, 5000]

/**
 * @typedef {object} StageImage
 * @property {number} position
 * @property {string} image its content hash
 */

/**
 * @param {object} options
 * @param {HTMLElement} options.box the element that holds the image
 * @param {(image: StageImage) => string} options.url its address
 * @param {(position: number) => void} options.onPainted
 * @param {(position: number, attempts: number) => void} options.onFailed
 * @param {(event: WheelEvent) => boolean} options.turn turns to another picture of the image, if there is one
 */
export function makeStage({ box, url, onPainted, onFailed, turn: turnPicture }) {
  const loaded = new Map() // address -> { img, ready, decoded }
  let shown = null // the image that is to be read: { position, image, img, placed, painted }
  let turn = 0

  function load(which) {
    const address = url(which)
    if (!loaded.has(address)) {
      const img = new Image()
      img.alt = "" // the stage itself is named
      img.draggable = false
      img.src = address
      const made = { img, ready: img.decode(), decoded: false }
      made.ready.then(
        () => (made.decoded = true),
        () => loaded.get(address) === made && loaded.delete(address),
      )
      loaded.set(address, made)
    }
    return loaded.get(address)
  }

  function prefetch(images) {
    const wanted = images.slice(0, AHEAD + 1)
    const kept = new Set(wanted.map(url))
    for (const each of loaded.keys()) if (!kept.has(each)) loaded.delete(each)
    wanted.forEach(load)
  }

  // Within the caller's own task when the image is decoded: then it has the very next frame.
  function show(which, attempt = 0) {
    const mine = ++turn
    shown = which && { position: which.position, image: which.image }
    busy(shown !== null)
    if (!shown) return box.replaceChildren()
    const made = load(shown)
    if (made.decoded) place(made.img, mine)
    else wait(made, mine, attempt)
  }

  async function wait({ img, ready }, mine, attempt) {
    const slow = setTimeout(() => mine === turn && box.replaceChildren(), attempt ? 0 : SLOW_MS)
    try {
      await ready
      if (mine === turn) place(img, mine)
    } catch {
      if (mine === turn) retry(shown, attempt)
    } finally {
      clearTimeout(slow)
    }
  }

  async function place(img, mine) {
    shown.img = img
    viewport.fit() // first: it sets styles alone, so nothing is laid out before the frame
    box.replaceChildren(img)
    shown.placed = epochMillis()
    await afterNextFrame()
    if (mine !== turn) return
    shown.painted = epochMillis()
    const rest = Math.max(0, shown.placed + PAINTED_MS - shown.painted)
    setTimeout(() => mine === turn && busy(false), Math.ceil(rest))
    onPainted(shown.position)
  }

  // Another picture of the image that is on screen, which stays the one that is decided about.
  function swap(img) {
    if (!shown?.img) return
    const before = shown.img
    shown.img = img
    viewport.replaced(before)
    box.replaceChildren(img)
  }

  function retry(failed, attempt) {
    box.replaceChildren()
    onFailed(failed.position, attempt + 1)
    const rest = RETRIES[Math.min(attempt, RETRIES.length - 1)]
    setTimeout(() => shown === failed && !failed.img && show(failed, attempt + 1), rest)
  }

  const busy = is => box.parentElement.setAttribute("aria-busy", String(is))

  // Whether a key that was pressed then was about the image on screen; if it was, which picture that
  // is, and its times.
  function seen(event) {
    const pressed = epochMillis(event.timeStamp)
    if (!shown?.painted || pressed < shown.painted) return null
    if (pressed < shown.placed + PAINTED_MS) return null
    const { image, placed, painted } = shown
    return { image, placed_at: placed, painted_at: painted, pressed_at: pressed }
  }

  const viewport = makeViewport(box, () => shown?.img, turnPicture)

  return {
    show,
    swap,
    prefetch,
    seen,
    zoom: viewport.zoom,
    pan: viewport.pan,
    fit: viewport.fit,
    setWindow: viewport.setWindow,
    invert: viewport.invert,
    reset: viewport.reset,
    zoomed: viewport.zoomed,
    shows: which => shown?.position === which?.position && shown?.image === which?.image,
    stop() {
      turn += 1
      viewport.stop()
    },
  }
}

// The first task after the next frame: what is on the stage has been painted then.
function afterNextFrame() {
  return new Promise(done => {
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => (port1.close(), done())
      port2.postMessage(null)
    })
  })
}
