// Pictures that are one image: slices of a stack, or pictures of a patient, seen one at a time.
//
// The first is on screen when this begins. Around the one that is looked at some are loaded ahead,
// so that turning the wheel shows the next one in the next frame.

import { element, setText } from "./elements.js"

const AHEAD = 6 // on either side
const NOTCH = 50 // of the wheel, in pixels: one picture
const ALL = -1 // the place before the first, where all lie side by side

/**
 * @param {object} options
 * @param {HTMLElement} options.stage where the bar with the slider goes
 * @param {(img: HTMLImageElement) => void} options.swap puts another picture in the place of the one on screen
 */
export function makeParts({ stage, swap }) {
  const kept = new Map() // address of an image -> what is known of its pictures, as a promise
  let shown = null // { address, count, least, at, loaded: Map of place -> img }
  let turned = 0
  const bar = makeBar()
  stage.append(bar.node)

  function ask(address) {
    if (!kept.has(address)) {
      const answer = fetch(`${address}/parts`).then(found => (found.ok ? found.json() : Promise.reject(found)))
      kept.set(address, answer)
      answer.catch(() => kept.delete(address))
    }
    return kept.get(address)
  }

  // The image at this address is on screen; null for none.
  async function show(address) {
    if (shown?.address === address) return
    shown = address && { address, count: 1 }
    bar.node.hidden = true
    if (!address) return
    const mine = shown
    try {
      const { count, first } = await ask(address)
      if (shown !== mine || count < 2) return
      const least = first === null ? ALL : 0
      Object.assign(mine, { count, least, first, at: first ?? ALL, loaded: new Map() })
      draw()
      loadAround()
    } catch {
      // the image itself is on screen; its other pictures are asked for when it comes again
    }
  }

  const addressOf = at => (at === ALL || at === shown.first ? shown.address : `${shown.address}/parts/${at}`)

  function load(at) {
    if (!shown.loaded.has(at)) {
      const img = Object.assign(new Image(), { alt: "", draggable: false, src: addressOf(at) })
      const made = { img, ready: img.decode() }
      made.ready.catch(() => shown?.loaded?.get(at) === made && shown.loaded.delete(at))
      shown.loaded.set(at, made)
    }
    return shown.loaded.get(at)
  }

  function loadAround() {
    for (let far = 0; far <= AHEAD; far += 1) {
      for (const at of [shown.at + far, shown.at - far]) {
        if (at >= shown.least && at < shown.count) load(at)
      }
    }
  }

  async function go(at) {
    const mine = shown
    mine.at = Math.max(mine.least, Math.min(mine.count - 1, at))
    draw()
    const wanted = mine.at
    const { img, ready } = load(wanted)
    bar.node.classList.add("waiting")
    try {
      await ready
      if (shown === mine && mine.at === wanted) swap(img)
    } catch {
      if (shown === mine && mine.at === wanted) bar.say("This picture cannot be shown.")
    }
    if (shown !== mine || mine.at !== wanted) return
    bar.node.classList.remove("waiting")
    loadAround()
  }

  // Whether there is another picture to turn to at all; if so it is.
  function step(by) {
    if (!several()) return false
    if (by) go(shown.at + by)
    return true
  }

  // Whether the wheel turned pictures.
  function wheel(event) {
    if (event.ctrlKey || !several()) return false
    turned += event.deltaY * (event.deltaMode ? NOTCH : 1)
    const by = Math.trunc(turned / NOTCH)
    turned -= by * NOTCH
    return step(by)
  }

  const several = () => (shown?.count ?? 1) > 1 && shown.loaded !== undefined

  function draw() {
    bar.draw(shown)
  }

  function makeBar() {
    const node = element("div", "parts", { hidden: true })
    node.setAttribute("role", "group")
    node.setAttribute("aria-label", "Pictures of this image")
    const before = element("button", "", { type: "button", textContent: "‹", title: "Picture before (PgUp)" })
    const after = element("button", "", { type: "button", textContent: "›", title: "Next picture (PgDn)" })
    const slider = element("input", "", { type: "range", step: 1 })
    slider.setAttribute("aria-label", "Picture")
    const words = element("output", "")
    node.append(before, slider, after, words)
    before.onclick = () => (before.blur(), step(-1))
    after.onclick = () => (after.blur(), step(1))
    slider.oninput = () => go(Number(slider.value))
    slider.onchange = () => slider.blur() // keys are the page's again
    return {
      node,
      say: text => setText(words, text),
      draw({ at, count, least }) {
        node.hidden = false
        Object.assign(slider, { min: least, max: count - 1, value: at })
        before.disabled = at === least
        after.disabled = at === count - 1
        setText(words, at === ALL ? `all ${count}` : `${at + 1} / ${count}`)
      },
    }
  }

  return { show, step, wheel, several }
}
