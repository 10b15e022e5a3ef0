// Rectangles [x, y, width, height] in whole pixels of a picture.

/** The pixels that a stroke touches, from one point to another, within the picture. */
export function spanned({ from, to }, { width, height }) {
  const left = Math.max(0, Math.floor(Math.min(from[0], to[0])))
  const top = Math.max(0, Math.floor(Math.min(from[1], to[1])))
  const right = Math.min(width, Math.ceil(Math.max(from[0], to[0])))
  const bottom = Math.min(height, Math.ceil(Math.max(from[1], to[1])))
  return clipped([left, top, right - left, bottom - top], { width, height })
}

/** What lies in the picture of a rectangle: at least one pixel. */
export function clipped([x, y, w, h], { width, height }) {
  const left = Math.min(Math.max(0, Math.trunc(x)), width - 1)
  const top = Math.min(Math.max(0, Math.trunc(y)), height - 1)
  return [
    left,
    top,
    Math.min(Math.max(1, Math.trunc(w)), width - left),
    Math.min(Math.max(1, Math.trunc(h)), height - top),
  ]
}

const ALIKE = 0.5 // of the larger of two: so much of it they have in common to be one

/** Rectangles of which those that are nearly the same have become one around both. */
export function merged(rectangles) {
  const found = []
  for (const each of rectangles) {
    const at = found.findIndex(other => common(each, other) >= ALIKE)
    if (at < 0) found.push(each)
    else found[at] = around(each, found[at])
  }
  return found
}

/** The share of the larger one that lies in both. */
function common([x, y, w, h], [left, top, width, height]) {
  const across = Math.min(x + w, left + width) - Math.max(x, left)
  const down = Math.min(y + h, top + height) - Math.max(y, top)
  return (Math.max(0, across) * Math.max(0, down)) / Math.max(w * h, width * height)
}

function around([x, y, w, h], [left, top, width, height]) {
  const [first, upper] = [Math.min(x, left), Math.min(y, top)]
  return [
    first, upper, Math.max(x + w, left + width) - first, Math.max(y + h, top + height) - upper,
  ]
}
