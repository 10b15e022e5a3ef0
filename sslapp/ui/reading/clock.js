// Time spent on an image: hidden tabs and idle gaps do not count.

const IDLE_MS = 30000

/** Returns { start, read, stop }; read() gives the active milliseconds since start(). */
function makeClock() {
  let active = 0
  let last = performance.now() // of the last sign of life

  function sign() {
    const now = performance.now()
    if (now - last <= IDLE_MS && !document.hidden) active += now - last
    last = now
  }

  // when a tab is hidden the time up to then counts, when it is shown again the gap does not
  function turned() {
    const now = performance.now()
    if (document.hidden && now - last <= IDLE_MS) active += now - last
    last = now
  }

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
