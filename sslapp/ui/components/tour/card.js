// The tour's card. Escape inside it, or its button, hides it for ever: the browser remembers that.

import { element } from "../common/elements.js"
import { mounted } from "../common/mounting.js"
import { readKept, writeKept } from "../common/storage.js"

export default mounted(component => {
  const card = component.parentElement.querySelector(".card")
  const find = name => card.querySelector("." + name)
  let scope = null

  function dismiss() {
    writeKept(scope, true)
    card.hidden = true
  }

  card.onkeydown = event => {
    if (event.key !== "Escape") return
    event.stopPropagation()
    dismiss()
  }
  find("dismiss").onclick = dismiss

  function update({ data }) {
    scope = data.scope
    card.hidden = readKept(scope, false)
    find("steps").replaceChildren(...data.steps.map((each, at) => {
      const item = element("li", each.done ? "done" : at === data.at ? "now" : "", { textContent: each.name })
      if (at === data.at) item.setAttribute("aria-current", "step")
      return item
    }))
    find("title").textContent = `${data.at + 1}. ${data.title}. `
    find("text").textContent = data.text
    const there = find("there")
    there.hidden = data.here
    there.href = data.address
    there.textContent = `Go to ${data.steps[data.at].name}`
  }

  update(component)
  return { update, close: () => {} }
})
