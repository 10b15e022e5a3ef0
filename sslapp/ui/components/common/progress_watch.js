// Looks every second whether running work has moved, and asks for a new drawing if so.
// A look is a small request of its own: as long as nothing moves, nothing on the page runs.

import { mounted } from "./mounting.js"

const EVERY_MS = 1000

function watch() {
  let url = ""
  let drawn = null // the stamp that the page was drawn from
  let seen = null // the stamp that the page was told of
  let notify = null
  let busy = false
  let timer = null

  async function look() {
    if (document.hidden || busy) return
    busy = true
    try {
      const answer = await fetch(url, { cache: "no-store" })
      const { stamp } = answer.ok ? await answer.json() : {}
      if (stamp && stamp !== seen && timer) {
        seen = stamp
        notify("moved", stamp)
      }
    } catch {
      // the server is away; the next look finds it back
    } finally {
      busy = false
    }
  }

  return {
    update({ data, setTriggerValue }) {
      url = data.url
      notify = setTriggerValue
      if (drawn !== data.stamp) seen = drawn = data.stamp
      clearInterval(timer)
      timer = setInterval(look, EVERY_MS)
    },
    close() {
      clearInterval(timer)
      timer = null
    },
  }
}

export default mounted(component => {
  const watching = watch()
  watching.update(component)
  return watching
})
