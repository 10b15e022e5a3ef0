// Looks every second whether running work has moved, and asks for a new drawing if so.
// A look is a small request of its own: as long as nothing moves, nothing on the page runs.

const EVERY = 1000

const panels = new WeakMap()

async function look(panel) {
  if (document.hidden || panel.busy) return
  panel.busy = true
  try {
    const answer = await fetch(panel.url, { cache: "no-store" })
    const { stamp } = answer.ok ? await answer.json() : {}
    if (stamp && stamp !== panel.seen && panel.timer) {
      panel.seen = stamp
      panel.tell("moved", stamp)
    }
  } catch {
    // the server is away; the next look finds it back
  } finally {
    panel.busy = false
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const panel = panels.get(parentElement) ?? { busy: false }
  panels.set(parentElement, panel)
  panel.url = data.url
  panel.tell = setTriggerValue
  if (panel.drawn !== data.stamp) panel.seen = panel.drawn = data.stamp
  clearInterval(panel.timer)
  panel.timer = setInterval(() => look(panel), EVERY)
  return () => {
    clearInterval(panel.timer)
    panel.timer = null
  }
}
