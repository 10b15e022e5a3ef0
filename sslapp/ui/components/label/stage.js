// The stage: one image, its zoom, its window, and the moment from which it has been on screen.
//
// Images are loaded and decoded ahead in elements of their own, and the element itself is put on
// the stage, so that turning to the next image costs one frame. An image counts as painted in the
// first task after the frame that holds it. No key before that, or within 50 ms after the decoded
// image was put on the stage, is a decision about it.

import { epochMillis } from "../common/clock.js"

const PAINTED_MS = 50
const AHEAD = 5
const LARGEST_ZOOM = 40
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
 */
export function makeStage({ box, url, onPainted, onFailed }) {
  const loaded = new Map() // address -> { img, ready, decoded }
  const view = { zoom: 1, x: 0, y: 0, brightness: 1, contrast: 1, inverted: false }
  let shown = null // the image that is to be read: { position, image, img, placed, painted }
  let turn = 0
  const room = { width: box.clientWidth, height: box.clientHeight }

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
    Object.assign(view, { zoom: 1, x: 0, y: 0 })
    apply() // first: it sets styles alone, so nothing is laid out before the frame
    box.replaceChildren(img)
    shown.placed = epochMillis()
    await afterNextFrame()
    if (mine !== turn) return
    shown.painted = epochMillis()
    const rest = Math.max(0, shown.placed + PAINTED_MS - shown.painted)
    setTimeout(() => mine === turn && busy(false), Math.ceil(rest))
    onPainted(shown.position)
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

  // -- zoom and pan --------------------------------------------------------------------------------

  function scale() {
    const { naturalWidth, naturalHeight } = shown.img
    const fitted = Math.min(room.width / naturalWidth, room.height / naturalHeight)
    return fitted * view.zoom
  }

  function apply() {
    if (!shown?.img) return
    const { img } = shown
    const by = scale()
    view.x = held(view.x, img.naturalWidth * by, room.width)
    view.y = held(view.y, img.naturalHeight * by, room.height)
    const left = (room.width - img.naturalWidth * by) / 2 + view.x
    const top = (room.height - img.naturalHeight * by) / 2 + view.y
    img.style.transform = `translate(${left}px, ${top}px) scale(${by})`
    img.style.imageRendering = by * devicePixelRatio >= 2 ? "pixelated" : "auto"
    const { brightness, contrast, inverted } = view
    const plain = brightness === 1 && contrast === 1 && !inverted
    const filter = `brightness(${brightness}) contrast(${contrast}) invert(${Number(inverted)})`
    img.style.filter = plain ? "none" : filter
    box.classList.toggle("movable", view.zoom > 1)
  }

  // the offset from the middle, so far that the image's edge reaches the stage's edge
  function held(offset, size, space) {
    const most = Math.max(0, (size - space) / 2)
    return Math.min(most, Math.max(-most, offset))
  }

  // Zooms by a factor; the point (px, py) of the stage, from its middle, stays where it is.
  function zoom(factor, px = 0, py = 0) {
    const before = view.zoom
    view.zoom = Math.min(LARGEST_ZOOM, Math.max(1, before * factor))
    const ratio = view.zoom / before
    view.x = px - (px - view.x) * ratio
    view.y = py - (py - view.y) * ratio
    apply()
  }

  function pan(dx, dy) {
    view.x += dx
    view.y += dy
    apply()
  }

  function fit() {
    Object.assign(view, { zoom: 1, x: 0, y: 0 })
    apply()
  }

  function setWindow(brightness, contrast) {
    view.brightness = Math.min(4, Math.max(0.1, view.brightness + brightness))
    view.contrast = Math.min(6, Math.max(0.1, view.contrast + contrast))
    apply()
  }

  function invert() {
    view.inverted = !view.inverted
    apply()
  }

  function reset() {
    Object.assign(view, { brightness: 1, contrast: 1, inverted: false })
    fit()
  }

  const stopPointers = usePointers(box, { zoom, pan, fit, setWindow })
  const resized = new ResizeObserver(() => {
    Object.assign(room, { width: box.clientWidth, height: box.clientHeight })
    apply()
  })
  resized.observe(box)

  return {
    show,
    prefetch,
    seen,
    zoom,
    pan,
    fit,
    setWindow,
    invert,
    reset,
    zoomed: () => view.zoom > 1,
    shows: which => shown?.position === which?.position && shown?.image === which?.image,
    stop() {
      turn += 1
      resized.disconnect()
      stopPointers()
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

// Wheel zooms to the pointer, drag pans, right-hand drag changes the window, two fingers pinch.
function usePointers(box, { zoom, pan, fit, setWindow }) {
  const down = new Map() // pointer id -> { x, y }
  const middle = event => {
    const { left, top, width, height } = box.getBoundingClientRect()
    return [event.clientX - left - width / 2, event.clientY - top - height / 2]
  }
  const spread = () => {
    const [a, b] = [...down.values()]
    return Math.hypot(a.x - b.x, a.y - b.y)
  }
  const listeners = {
    wheel: event => {
      event.preventDefault()
      zoom(Math.exp(-event.deltaY * 0.0016), ...middle(event))
    },
    pointerdown: event => {
      box.setPointerCapture(event.pointerId)
      down.set(event.pointerId, { x: event.clientX, y: event.clientY })
    },
    pointermove: event => {
      const last = down.get(event.pointerId)
      if (!last) return
      const before = down.size === 2 ? spread() : 0
      const [dx, dy] = [event.clientX - last.x, event.clientY - last.y]
      Object.assign(last, { x: event.clientX, y: event.clientY })
      if (before) zoom(spread() / before, ...middle(event))
      else if (event.buttons & 2) setWindow(-dy / 200, dx / 200)
      else pan(dx, dy)
    },
    pointerup: event => down.delete(event.pointerId),
    pointercancel: event => down.delete(event.pointerId),
    dblclick: fit,
    contextmenu: event => event.preventDefault(),
  }
  for (const [name, on] of Object.entries(listeners)) {
    box.addEventListener(name, on, { passive: false })
  }
  return () => {
    for (const [name, on] of Object.entries(listeners)) box.removeEventListener(name, on)
  }
}
