// Small signs that several parts of the desk write: a class's dot, a probability in percent.

import { element } from "../common/elements.js"

export function dot(colour) {
  const made = element("span", "dot")
  made.style.setProperty("--class", colour)
  return made
}

export function percent(share) {
  if (share > 0 && share < 0.005) return "< 1 %"
  if (share >= 0.9995 && share < 1) return "> 99.9 %"
  return `${(100 * share).toFixed(share > 0.99 && share < 1 ? 1 : 0)} %`
}
