// Zoom, pan and window of one image in a box: by wheel, drag, right-hand drag and pinch. Where an
// image is several pictures the wheel turns them, and zooms with Ctrl.
//
// The image lies absolutely in the box, its corner at the box's corner, and is moved by a transform.

const LARGEST_ZOOM = 40

/**
 * @param {HTMLElement} box the element that holds the image
 * @param {() => HTMLImageElement | null | undefined} shown the image that is in it now
 * @param {(event: WheelEvent) => boolean} [turn] turns to another picture by the wheel, if there is one
 */
export function makeViewport(box, shown, turn = () => false) {
  const view = { zoom: 1, x: 0, y: 0, brightness: 1, contrast: 1, inverted: false }
  const room = { width: box.clientWidth, height: box.clientHeight }

  function apply() {
    const img = shown()
    if (!img?.naturalWidth) return
    const { naturalWidth, naturalHeight } = img
    const fitted = Math.min(room.width / naturalWidth, room.height / naturalHeight)
    const by = fitted * view.zoom
    view.x = held(view.x, naturalWidth * by, room.width)
    view.y = held(view.y, naturalHeight * by, room.height)
    const left = (room.width - naturalWidth * by) / 2 + view.x
    const top = (room.height - naturalHeight * by) / 2 + view.y
    img.style.transform = `translate(${left}px, ${top}px) scale(${by})`
    img.style.imageRendering = by * devicePixelRatio >= 2 ? "pixelated" : "auto"
    const { brightness, contrast, inverted } = view
    const plain = brightness === 1 && contrast === 1 && !inverted
    const filter = `brightness(${brightness}) contrast(${contrast}) invert(${Number(inverted)})`
    img.style.filter = plain ? "none" : filter
    box.classList.toggle("movable", view.zoom > 1)
  }

  // the offset from the middle, so far that the image's edge reaches the box's edge
  function held(offset, size, space) {
    const most = Math.max(0, (size - space) / 2)
    return Math.min(most, Math.max(-most, offset))
  }

  // Zooms by a factor; the point (px, py) of the box, from its middle, stays where it is.
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

  // Another picture of the same image: one of the same size stays where the one before was.
  function replaced(before) {
    const { naturalWidth, naturalHeight } = shown() ?? {}
    if (before?.naturalWidth === naturalWidth && before?.naturalHeight === naturalHeight) apply()
    else fit()
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

  const stopPointers = usePointers(box, { zoom, pan, fit, setWindow, turn })
  const resized = new ResizeObserver(() => {
    Object.assign(room, { width: box.clientWidth, height: box.clientHeight })
    apply()
  })
  resized.observe(box)

  return {
    zoom,
    pan,
    fit,
    replaced,
    setWindow,
    invert,
    reset,
    zoomed: () => view.zoom > 1,
    stop() {
      resized.disconnect()
      stopPointers()
    },
  }
}

// Wheel zooms to the pointer, drag pans, right-hand drag changes the window, two fingers pinch.
function usePointers(box, { zoom, pan, fit, setWindow, turn }) {
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
      if (!turn(event)) zoom(Math.exp(-event.deltaY * 0.0016), ...middle(event))
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
