// As much of a browser's page as the modules need that draw nothing: its events, its storage, its
// clock and its server. A test turns the clock and answers for the server.

import { webcrypto } from "node:crypto"

/** Whatever waits for a promise goes on. */
export const settled = () => new Promise(resolve => setImmediate(resolve))

class Storage {
  values = new Map()
  full = false

  getItem(name) {
    return this.values.get(name) ?? null
  }

  setItem(name, value) {
    if (this.full) throw new Error("QuotaExceededError")
    this.values.set(name, value)
  }
}

class Timers {
  now = 1000
  due = new Map() // number -> { at, work }
  last = 0

  set = (work, wait = 0) => {
    this.due.set(++this.last, { at: this.now + wait, work })
    return this.last
  }

  clear = number => this.due.delete(number)

  /** Time passes, and what is due in it is done in its order. */
  pass(milliseconds) {
    const end = this.now + milliseconds
    for (;;) {
      const [next] = [...this.due].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)
      if (!next) break
      this.due.delete(next[0])
      this.now = next[1].at
      next[1].work()
    }
    this.now = end
  }
}

class Server {
  requests = [] // [{ url, body, options }] that were not answered yet
  away = false

  fetch = (url, options = {}) => {
    if (this.away) return Promise.reject(new TypeError("Failed to fetch"))
    const body = options.body === undefined ? undefined : JSON.parse(options.body)
    return new Promise((resolve, reject) => {
      this.requests.push({ url, body, options, resolve, reject })
    })
  }

  /** Answers the oldest request and returns it. */
  async answer(content, status = 200) {
    const request = this.requests.shift()
    request.resolve({ ok: status < 400, status, json: async () => content })
    await settled()
    return request
  }

  /** The oldest request is lost. */
  async lose() {
    const request = this.requests.shift()
    request.reject(new TypeError("Failed to fetch"))
    await settled()
    return request
  }
}

/**
 * Makes a new page the one that modules see.
 *
 * @param {import("node:test").TestContext} test after which the page is gone
 */
export function openPage(test) {
  const window = new EventTarget()
  const document = Object.assign(new EventTarget(), { hidden: false, querySelector: () => null })
  const server = new Server()
  const storage = new Storage()
  const timers = new Timers()
  test.mock.method(performance, "now", () => timers.now)
  test.mock.method(globalThis, "fetch", server.fetch)
  test.mock.method(globalThis, "setTimeout", timers.set)
  test.mock.method(globalThis, "clearTimeout", timers.clear)
  const names = { document, sessionStorage: storage, crypto: webcrypto }
  for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"]) {
    names[name] = window[name].bind(window)
  }
  for (const [name, value] of Object.entries(names)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  }
  delete globalThis[Symbol.for("sslapp.outboxes")]
  return {
    ...{ window, document, server, storage },
    /** Time passes, and what was due in it is done. */
    async pass(milliseconds) {
      timers.pass(milliseconds)
      await settled()
    },
    stored: name => JSON.parse(storage.getItem(name)),
  }
}
