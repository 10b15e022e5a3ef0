// What the desk says: a cue over the image, and every change in words for screen readers.

const CUE_MS = 2400

export function setVeil(desk, text) {
  const node = desk.find("veil")
  node.textContent = text
  node.hidden = !text
}

export function cue(desk, text) {
  const node = desk.find("cue")
  node.textContent = text
  node.hidden = false
  announce(desk, text)
  clearTimeout(desk.cueEnds)
  desk.cueEnds = setTimeout(() => (node.hidden = true), CUE_MS)
}

export function announce(desk, text) {
  desk.find("live").textContent = text
}

/** Whether the page has lost its workspace; if so a cue says why. */
export function halted(desk) {
  const { trouble } = desk.outbox.state()
  if (trouble) cue(desk, trouble)
  return Boolean(trouble)
}
