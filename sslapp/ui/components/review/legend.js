// The map's legend: what its colours mean. A press on a name leaves its images alone on the map and
// in what is selected; further ones join it.

import { element, textElement, thousands } from "../common/elements.js"
import { mounted } from "../common/mounting.js"

export default mounted(component => {
  const legend = component.parentElement.querySelector(".legend")
  let send = null
  let data = { entries: [], only: [] }

  function press(name) {
    const only = data.only.includes(name) ? data.only.filter(each => each !== name) : [...data.only, name]
    send("only", only.length < data.entries.length ? only : [])
  }

  function entry({ name, colour, count }) {
    const button = element("button", "", { type: "button", title: name })
    button.setAttribute("aria-pressed", String(data.only.includes(name)))
    const dot = element("span", "dot")
    dot.style.background = colour
    button.append(dot, textElement("span", "name", name), textElement("span", "count", thousands(count)))
    button.onclick = () => press(name)
    return button
  }

  function draw() {
    const all = element("button", "all", { type: "button", textContent: "Show all" })
    all.onclick = () => send("only", [])
    legend.setAttribute("aria-label", data.about)
    legend.classList.toggle("filters", data.only.length > 0)
    legend.replaceChildren(...(data.only.length ? [all] : []), ...data.entries.map(entry))
  }

  const update = ({ data: fresh, setTriggerValue }) => {
    data = fresh
    send = setTriggerValue
    draw()
  }
  update(component)
  return { update, close() {} }
})
