// What lists say of the image on screen, in a corner of the stage, as far as the project allows.
// No prediction is among it, and an audit gets none of it.

import { textElement } from "../common/elements.js"
import { readKept, writeKept } from "../common/storage.js"

const MOST_LINES = 6 // the last of which may say how many there are more

/**
 * @param {object} options
 * @param {HTMLElement} options.place
 * @param {string} options.name under which the browser keeps whether it is shown
 */
export function makeFacts({ place, name }) {
  const list = place.querySelector("dl")
  const more = place.querySelector(".more")
  let drawn = ""
  let hidden = readKept(name, false)

  const show = () => (place.hidden = hidden || list.childElementCount === 0)

  return {
    /** @param {[string, string][]} pairs of a column and its value, those of the image on screen */
    draw(pairs) {
      const now = JSON.stringify(pairs)
      if (drawn === now) return
      drawn = now
      const lines = pairs.length > MOST_LINES ? MOST_LINES - 1 : pairs.length
      list.replaceChildren(...pairs.flatMap((pair, at) => row(pair, at < lines ? "" : "beyond")))
      more.textContent = `+${pairs.length - lines}`
      more.hidden = pairs.length === lines
      more.setAttribute("aria-label", `${pairs.length - lines} more`)
      show()
    },
    /** Shows or hides it, for the images to come as well; returns what to say about it. */
    toggle() {
      hidden = !hidden
      writeKept(name, hidden) // refused, it holds for this page
      show()
      if (hidden) return "Metadata is hidden"
      return place.hidden ? "No metadata is shown of this image" : "Metadata is shown"
    },
  }
}

function row([column, value], className) {
  const title = `${column}: ${value}` // a long one is cut
  const parts = [textElement("dt", className, column), textElement("dd", className, value)]
  return parts.map(each => Object.assign(each, { title }))
}
