// The image in focus: which one, when it was painted, what is fetched ahead of it.

import { epochMillis } from "../common/clock.js"
import { drawBar, drawTile } from "./grid.js"
import { imageAddress, inspection } from "./inspection.js"
import { cue, setVeil } from "./messages.js"
import { drawPanel } from "./panel.js"
import { firstOpen, isOpen, tileOf } from "./state.js"

/** An image must have been on screen this long before a key about it counts. */
export const PAINTED_MS = 50

const AHEAD = 3

export function focusNextOpen(desk) {
  const next = firstOpen(desk, desk.order.indexOf(desk.focus) + 1)
  if (next === null) {
    drawBar(desk)
    drawPanel(desk)
    return cue(desk, desk.data.more ? "All decided here. Enter turns the sheet." : "All decided.")
  }
  focusOn(desk, next, true)
  drawBar(desk)
}

export function moveFocus(desk, by) {
  const at = desk.order.indexOf(desk.focus) + by
  if (at >= 0 && at < desk.order.length) focusOn(desk, desk.order[at], true)
}

// images in a row of the grid, as it is laid out now
export function columns(desk) {
  const tops = desk.order.map(each => desk.tiles.get(each).node.offsetTop)
  const second = tops.findIndex(top => top !== tops[0])
  return second < 0 ? tops.length : second
}

export function focusOn(desk, position, byReader) {
  if (position === null) return focusOnNothing(desk)
  const before = desk.focus
  desk.focus = position
  if (byReader && isOpen(desk, position)) desk.opened.add(position)
  if (before !== null) drawTile(desk, before)
  drawTile(desk, position)
  if (byReader) desk.tiles.get(position).node.scrollIntoView({ block: "nearest" })
  if (before !== position || desk.paintedAt === null) paint(desk, position)
  drawPanel(desk)
  lookAhead(desk)
}

// an empty sheet: the image that was in focus is on it no more, and no key may mean it
function focusOnNothing(desk) {
  desk.focus = null
  desk.paintedAt = null
  desk.parts.show(null)
  desk.showing += 1 // whatever is still being painted
  delete desk.find("stage").dataset.ready
  drawPanel(desk)
}

async function paint(desk, position) {
  const showing = ++desk.showing
  const image = desk.find("large")
  const tile = tileOf(desk, position)
  desk.paintedAt = null
  const stage = desk.find("stage")
  stage.classList.add("waiting")
  delete stage.dataset.ready
  setVeil(desk, "")
  const address = imageAddress(desk, tile)
  desk.parts.show(null)
  image.src = address
  image.alt = `Image ${position}`
  try {
    await image.decode()
  } catch {
    if (showing === desk.showing) setVeil(desk, "This image cannot be shown.")
    return
  }
  if (showing !== desk.showing) return
  desk.viewport.fit()
  stage.classList.remove("waiting")
  await nextFrame()
  await nextFrame()
  if (showing === desk.showing) {
    desk.paintedAt = epochMillis()
    desk.painted = tile.image
    desk.clock.start()
    if (desk.data.parts) desk.parts.show(address)
    setTimeout(() => showing === desk.showing && (stage.dataset.ready = position), PAINTED_MS)
  }
}

/** Puts another picture of the image in focus in the place of the one that is shown. */
export async function swapPicture(desk, img) {
  const { showing } = desk
  const large = desk.find("large")
  const before = { naturalWidth: large.naturalWidth, naturalHeight: large.naturalHeight }
  large.src = img.src // it is decoded already
  await large.decode().catch(() => {})
  if (showing === desk.showing) desk.viewport.replaced(before)
}

function lookAhead(desk) {
  const at = desk.order.indexOf(desk.focus)
  const coming = desk.order.slice(at + 1).filter(each => isOpen(desk, each)).slice(0, AHEAD)
  const kept = new Map()
  for (const position of coming) {
    const image = desk.ahead.get(position) ?? new Image()
    if (!image.src) image.src = imageAddress(desk, tileOf(desk, position))
    kept.set(position, image)
    inspection(desk, position).catch(() => {})
  }
  desk.ahead = kept
}

const nextFrame = () => new Promise(resolve => requestAnimationFrame(resolve))
