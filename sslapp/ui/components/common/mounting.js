// How a component of Streamlit's begins, changes and ends.

// On the element, and not in this module: a server that was restarted with other code hands the
// same element to another version of this module, which must end what the first one began.
const MOUNTED = Symbol.for("sslapp.mounted")

/**
 * @typedef {object} Component what Streamlit calls a component with
 * @property {any} data what the page gave it
 * @property {Element | ShadowRoot} parentElement what holds its markup
 * @property {(name: string, value: any) => void} setStateValue tells the page a value that stays
 * @property {(name: string, value: any) => void} setTriggerValue tells the page something once
 */

/**
 * @typedef {object} Instance
 * @property {(component: Component) => void} update called when the data change
 * @property {() => void} close called when the component leaves the page
 */

/**
 * The function that Streamlit calls, from one that opens a component on its element.
 *
 * Streamlit calls it again whenever the data change, and what it returned when the component leaves
 * the page. When the data change while the code is still being loaded, it ends an earlier call
 * after a later one has begun: a call that is not the last one ends nothing.
 *
 * @param {(component: Component) => Instance} open
 * @returns {(component: Component) => () => void}
 */
export function mounted(open) {
  return component => {
    const { parentElement } = component
    let here = parentElement[MOUNTED]
    if (here?.open === open) {
      here.instance.update(component)
    } else {
      here?.instance.close()
      here = parentElement[MOUNTED] = { open, instance: open(component), calls: 0 }
    }
    const call = ++here.calls
    return () => {
      if (parentElement[MOUNTED] !== here || here.calls !== call) return
      delete parentElement[MOUNTED]
      here.instance.close()
    }
  }
}
