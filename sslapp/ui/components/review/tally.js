// Classes with a count each, as thin bars: redrawn in place while a slider moves. It is the legend
// of the map as well, so the colours are the classes' own. Names are text, never markup.

import { element, thousands } from "../common/elements.js"

function row() {
  const made = element("div", "row")
  const track = element("span", "track")
  track.append(element("i"))
  made.append(element("span", "dot"), element("span", "name"), track, element("span", "count"))
  return made
}

export default function ({ data, parentElement }) {
  const list = parentElement.querySelector(".tally")
  const most = Math.max(1, ...data.classes.map(each => each.count))
  while (list.children.length > data.classes.length) list.lastChild.remove()
  while (list.children.length < data.classes.length) list.append(row())
  data.classes.forEach((each, i) => {
    const [dot, name, track, count] = list.children[i].children
    dot.style.background = each.colour
    name.textContent = each.name
    name.title = each.name
    track.firstChild.style.width = `${(100 * each.count) / most}%`
    track.firstChild.style.background = each.colour
    count.textContent = thousands(each.count)
  })
  list.setAttribute("aria-label", data.about)
}
