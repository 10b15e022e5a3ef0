// Which tiles have been on screen: decoded, at least half of them inside the sheet's window, in a tab
// that is shown. What was not seen cannot be meant by a decision about many.

const SEEN_MS = 50
const HIDDEN_MS = 500 // after which a hidden tab is looked at again

/**
 * @param {(node: HTMLElement) => void} onSeen called once for each tile
 */
export function makeSight(onSeen) {
  const timers = new Map()
  const observer = new IntersectionObserver(entries => {
    for (const { target, isIntersecting } of entries) {
      clearTimeout(timers.get(target))
      if (isIntersecting) wait(target, SEEN_MS)
    }
  }, { threshold: 0.5 })

  const wait = (node, time) => timers.set(node, setTimeout(() => look(node), time))

  async function look(node) {
    if (document.hidden) return wait(node, HIDDEN_MS)
    try {
      await node.querySelector("img").decode()
    } catch {
      return // a picture that cannot be shown is not seen
    }
    if (!timers.delete(node)) return // another sheet by now
    observer.unobserve(node)
    onSeen(node)
  }

  function stop() {
    observer.disconnect()
    for (const timer of timers.values()) clearTimeout(timer)
    timers.clear()
  }

  return {
    stop,
    watch(nodes) {
      stop()
      for (const node of nodes) observer.observe(node)
    },
  }
}
