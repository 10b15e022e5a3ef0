// The outbox: decisions made on screen, kept until the server has answered for each of them.
//
// A key press costs no server round trip: it is added here, and the view goes on. The outbox sends
// everything that is not answered yet, oldest first, one request at a time, and again and again
// while the server is away. It lies in sessionStorage, so it survives a reload, and outside the
// component that made it, so it goes on sending when the reader turns to another page.
//
// Each load of the page draws a new client name and counts from 1; what an earlier load left behind
// keeps its names and goes first. So a duplicated tab, which begins with a copy of the storage,
// sends the same decisions under the same names, and the server stores each once. The protocol is
// written down in sslapp/usecases/labelling/outbox.py.

import { readStored, writeStored } from "./storage.js"

const BATCH = 200
const TIMEOUT_MS = 20000
const WAITS_MS = [300, 600, 1200, 2500, 5000]
const DISK = 507 // the server answers, and its disk takes nothing: the sentence says what to do
const MOST_AT_LEAVING = 60000 // characters that a browser sends from a page that goes

// On the window, and not in this module: after a restart of the server with other code a page has
// two versions of this module, and decisions must not lie in two outboxes.
const OPEN = Symbol.for("sslapp.outboxes")

/**
 * @typedef {object} State after a change
 * @property {number} unsent decisions that the server has not answered for
 * @property {boolean} away the server does not answer
 * @property {string} trouble a sentence of the server's, or ""
 */

/**
 * @typedef {object} Outbox
 * @property {(entry: object) => string} add takes { kind, position, image, ... } without seq and
 *   returns the decision's key, "<client>:<seq>", by which an undo names it
 * @property {() => object[]} unsent the decisions that are not answered yet, each with its key
 * @property {() => State} state
 * @property {(sentence: string) => void} halt for who learns from another answer that the page must
 *   take nothing more; with "" it goes on
 * @property {() => void} detach nobody listens any more; what is unsent goes on being sent
 */

/**
 * The outbox with this name; the same one whenever it is asked for on this page.
 *
 * @param {object} options
 * @param {string} options.key its name in sessionStorage, say
 *   "sslapp-label-<workspace>-<project>-<reader>": what is not sent before another workspace answers
 *   at this address waits there for its own
 * @param {string} options.url where it posts to
 * @param {() => object} [options.extra] further fields of every request
 * @param {(answer: object) => void} [options.onReceipt] answer.client with acked, refused and
 *   conflicts as the server gives them
 * @param {(state: State) => void} [options.onState] called after every change
 * @returns {Outbox}
 */
export function makeOutbox({ key, url, extra, onReceipt, onState }) {
  const open = (globalThis[OPEN] ??= new Map())
  if (!open.has(key)) open.set(key, openOutbox(key))
  const outbox = open.get(key)
  outbox.attach({ url, extra, onReceipt, onState })
  return outbox
}

function openOutbox(key) {
  const client = randomName()
  const { items = [], refused = {} } = readStored(key, {})
  const nothing = { extra: () => ({}), onReceipt: () => {}, onState: () => {} }
  let listener = nothing
  let url = null
  let seq = 0
  let busy = false
  let timer = null
  let failures = 0
  let trouble = ""
  let halted = ""

  const keep = () => {
    if (!writeStored(key, { items, refused })) {
      trouble = "This browser keeps nothing over a reload: its storage is full."
    }
  }
  const state = () => ({ unsent: items.length, away: failures > 0, trouble: halted || trouble })
  const report = () => listener.onState(state())

  function add(entry) {
    const item = { ...entry, seq: ++seq }
    items.push({ client, item })
    // written before this task ends, and after whatever it has still to draw
    queueMicrotask(() => (keep(), report(), soon(0)))
    return `${client}:${item.seq}`
  }

  function soon(wait) {
    clearTimeout(timer)
    timer = setTimeout(send, wait)
  }

  function batch() {
    const first = items[0].client
    const end = items.findIndex(each => each.client !== first)
    return items.slice(0, Math.min(end < 0 ? items.length : end, BATCH))
  }

  function request(sent) {
    const from = sent[0].client
    const known = { client: from, items: sent.map(each => each.item), refused: refused[from] ?? [] }
    return JSON.stringify({ ...listener.extra(), ...known })
  }

  async function send() {
    if (busy || !items.length || !url) return
    busy = true
    const sent = batch()
    try {
      const answer = await fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: request(sent),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      const body = await answer.json()
      if (answer.ok) settle(sent[0].client, body)
      else if (answer.status < 500 || answer.status === DISK) {
        fail(body.error ?? `The server answers ${answer.status}.`)
      } else fail("")
    } catch {
      fail("") // no answer: away, restarting, or cut off
    }
    busy = false
    report()
    if (items.length) soon(failures ? WAITS_MS[Math.min(failures, WAITS_MS.length) - 1] : 0)
  }

  function fail(sentence) {
    failures += 1
    trouble = sentence
  }

  function settle(from, receipt) {
    const acked = receipt.acked.map(each => each.seq)
    const turnedDown = receipt.refused.map(each => each.seq)
    const settled = new Set([...acked, ...turnedDown])
    const before = items.length
    for (let at = items.length - 1; at >= 0; at--) {
      if (items[at].client === from && settled.has(items[at].item.seq)) items.splice(at, 1)
    }
    if (items.length === before) return fail("The server answered for none of the decisions.")
    // a hole that is below a stored decision needs no mention any more
    const stored = Math.max(0, ...acked)
    refused[from] = [...(refused[from] ?? []), ...turnedDown].filter(each => each > stored)
    const alive = name => name === client || items.some(each => each.client === name)
    for (const name of Object.keys(refused)) if (!alive(name)) delete refused[name]
    failures = 0
    trouble = halted = ""
    keep()
    queueMicrotask(() => listener.onReceipt({ ...receipt, client: from })) // its errors are its own
  }

  // the last chance before the page goes; whatever arrives twice is stored once
  function flush() {
    if (!items.length || !url) return
    const text = request(batch())
    if (text.length > MOST_AT_LEAVING) return
    const headers = { "Content-Type": "application/json" }
    fetch(url, { method: "POST", headers, body: text, keepalive: true }).catch(() => {})
  }

  addEventListener("online", () => soon(0))
  addEventListener("pagehide", flush)
  addEventListener("beforeunload", event => {
    if (items.length && failures) event.preventDefault() // asks before unsaved work is left
  })

  return {
    add,
    state,
    halt(sentence) {
      if (halted === sentence) return
      halted = sentence
      report()
    },
    unsent: () => items.map(each => ({ key: `${each.client}:${each.item.seq}`, ...each.item })),
    attach(to) {
      url = to.url
      listener = {
        extra: to.extra ?? nothing.extra,
        onReceipt: to.onReceipt ?? nothing.onReceipt,
        onState: to.onState ?? nothing.onState,
      }
      report()
      soon(0)
    },
    detach() {
      listener = nothing
    },
  }
}

/** A name that nobody else draws. */
export function randomName() {
  if (crypto.randomUUID) return crypto.randomUUID()
  const bytes = crypto.getRandomValues(new Uint8Array(16)) // pages without https have no randomUUID
  return [...bytes].map(each => each.toString(16).padStart(2, "0")).join("")
}
