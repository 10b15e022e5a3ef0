// Elements of a page and what is written on them. Text goes in by textContent alone: what people
// typed never becomes markup.

/**
 * A new element.
 *
 * @param {string} tag
 * @param {string} [className]
 * @param {object} [properties] of the element, say { textContent: "Accept" }
 */
export function element(tag, className = "", properties = {}) {
  const made = document.createElement(tag)
  if (className) made.className = className
  return Object.assign(made, properties)
}

/** A new element with a text. */
export const textElement = (tag, className, text) => element(tag, className, { textContent: text })

/** Writes a text on an element. One that stays is not written again: each costs a layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

/** Plays the animation of a class from its beginning. */
export function replay(node, className) {
  node.classList.remove(className)
  void node.offsetWidth
  node.classList.add(className)
}

/** A number with its thousands apart: 12,345. */
export const { format: thousands } = new Intl.NumberFormat("en-US")
