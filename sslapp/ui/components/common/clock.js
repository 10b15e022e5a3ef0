// Time spent on an image, while its tab is shown. A look without a sign of life may be a long look
// or an empty chair: of every gap between two signs the first 30 seconds count.

const IDLE_MS = 30000

/**
 * @returns {{ start: () => void, read: () => number, stop: () => void }} read() gives the active
 *   milliseconds since start()
 */
export function makeClock() {
  let active = 0
  let last = performance.now() // of the last sign of life

  function pass(counts) {
    const now = performance.now()
    if (counts) active += Math.min(now - last, IDLE_MS)
    last = now
  }

  const sign = () => pass(!document.hidden)
  // when a tab is hidden the time up to then counts, when it is shown again the gap does not
  const turned = () => pass(document.hidden)

  const signs = ["pointermove", "pointerdown", "wheel", "keydown", "scroll"]
  for (const each of signs) addEventListener(each, sign, { passive: true, capture: true })
  document.addEventListener("visibilitychange", turned)

  return {
    start() {
      active = 0
      last = performance.now()
    },
    read() {
      sign()
      return Math.round(active)
    },
    stop() {
      for (const each of signs) removeEventListener(each, sign, { capture: true })
      document.removeEventListener("visibilitychange", turned)
    },
  }
}

/**
 * Milliseconds since 1970, to a tenth, of a moment that the page's own clock gave.
 *
 * @param {number} [moment] an event's timeStamp; now without one
 */
export const epochMillis = (moment = performance.now()) =>
  Math.round((performance.timeOrigin + moment) * 10) / 10
