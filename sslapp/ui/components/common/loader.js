// Loads a component's module from the server and hands Streamlit's calls on to it.
//
// Streamlit runs this text as a module of its own, at an address from which nothing can be imported
// by a relative one. ui/common/browser_component.py puts ADDRESS in front.
/* global ADDRESS */

const load = () => import(new URL(ADDRESS, location.origin).href)

// A page must not stay silently blank, nor show buttons that do nothing.
function tellFailure({ parentElement }) {
  const line = document.createElement("p")
  line.className = "not-loaded"
  line.setAttribute("role", "alert")
  line.textContent =
    "This part of the page could not be loaded: the server does not answer, or runs another " +
    "version by now. Reload the page."
  for (const drawn of parentElement.children) {
    drawn.style.display = "none"
  }
  parentElement.prepend(line)
}

const show = await load().then(
  module => module.default,
  error => {
    console.error(error)
    return tellFailure
  },
)

export default function (component) {
  component.parentElement.querySelector(".not-loaded")?.remove()
  return show(component)
}
