/* The image in focus: which one, when it was painted, what is fetched ahead of it. */

const AHEAD = 3

function tileOf(desk, position) {
  return desk.tiles.get(position)?.info
}

function isOpen(desk, position) {
  const tile = tileOf(desk, position)
  const mine = desk.decided.get(position)
  if (tile.blind || tile.held || tile.label || tile.withheld) return false
  return !desk.excluded.has(position) && (!mine || mine.state === "refused")
}

// the first image from `at` on, around the end, that waits for a decision
function firstOpen(desk, at) {
  const count = desk.order.length
  for (let step = 0; step < count; step++) {
    const position = desk.order[(at + step) % count]
    if (isOpen(desk, position)) return position
  }
  return null
}

function moveOn(desk) {
  const next = firstOpen(desk, desk.order.indexOf(desk.focus) + 1)
  if (next === null) {
    drawBar(desk)
    drawPanel(desk)
    return cue(desk, desk.data.more ? "All decided here. Enter turns the sheet." : "All decided.")
  }
  focusOn(desk, next, true)
  drawBar(desk)
}

function step(desk, by) {
  const at = desk.order.indexOf(desk.focus) + by
  if (at >= 0 && at < desk.order.length) focusOn(desk, desk.order[at], true)
}

// images in a row of the grid, as it is laid out now
function across(desk) {
  const tops = desk.order.map(each => desk.tiles.get(each).node.offsetTop)
  const second = tops.findIndex(top => top !== tops[0])
  return second < 0 ? tops.length : second
}

function focusOn(desk, position, byReader) {
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
  desk.showing += 1 // whatever is still being painted
  delete desk.find("stage").dataset.ready
  drawPanel(desk)
}

async function paint(desk, position) {
  const turnOf = ++desk.showing
  const image = desk.find("large")
  const tile = tileOf(desk, position)
  desk.paintedAt = null
  const stage = desk.find("stage")
  stage.classList.add("waiting")
  delete stage.dataset.ready
  veil(desk, "")
  image.src = imageAddress(desk, tile)
  image.alt = `Image ${position}`
  try {
    await image.decode()
  } catch {
    if (turnOf === desk.showing) veil(desk, "This image cannot be shown.")
    return
  }
  if (turnOf !== desk.showing) return
  image.classList.toggle("small", Math.max(image.naturalWidth, image.naturalHeight) <= 128)
  stage.classList.remove("waiting")
  await nextFrame()
  await nextFrame()
  if (turnOf === desk.showing) {
    desk.paintedAt = epoch()
    desk.painted = tile.image
    desk.clock.start()
    setTimeout(() => turnOf === desk.showing && (stage.dataset.ready = position), PAINTED_MS)
  }
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

const epoch = () => performance.timeOrigin + performance.now()
const nextFrame = () => new Promise(resolve => requestAnimationFrame(resolve))
