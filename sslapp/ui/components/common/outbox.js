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
//
// This text is put in front of a component's own script.

const OUTBOX_BATCH = 200
const OUTBOX_TIMEOUT = 20000
const OUTBOX_WAITS = [300, 600, 1200, 2500, 5000]

/**
 * The outbox with this name; the same one whenever it is asked for on this page.
 *
 * key: its name in sessionStorage, say "sslapp-label-<workspace>-<project>-<reader>": what is not
 *   sent before another workspace answers at this address waits there for its own.
 * url: where it posts to.
 * extra: () => object, further fields of every request (optional).
 * onReceipt: (answer) => void; answer.client with acked, refused and conflicts as the server says.
 * onState: ({ unsent, away, trouble }) => void, after every change; trouble is a sentence of the
 *   server's, away means that it does not answer (optional).
 *
 * Returns { add, unsent, state, halt, detach }. add(entry) takes { kind, position, image, ... }
 * without seq and returns the decision's key, "<client>:<seq>", by which an undo names it.
 * halt(sentence) is for who learns from another answer that the page must take nothing more; with ""
 * it goes on.
 */
function makeOutbox({ key, url, extra, onReceipt, onState }) {
  const all = (window.sslappOutboxes ??= new Map())
  if (!all.has(key)) all.set(key, openOutbox(key))
  const outbox = all.get(key)
  outbox.attach({ url, extra, onReceipt, onState })
  return outbox
}

function openOutbox(key) {
  const client = newClient()
  const { items, refused } = storedOutbox(key)
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
    try {
      sessionStorage.setItem(key, JSON.stringify({ items, refused }))
    } catch {
      trouble = "This browser keeps nothing over a reload: its storage is full."
    }
  }
  const state = () => ({ unsent: items.length, away: failures > 0, trouble: halted || trouble })
  const tell = () => listener.onState(state())

  function add(entry) {
    const item = { ...entry, seq: ++seq }
    items.push({ client, item })
    // written before this task ends, and after whatever it has still to draw
    queueMicrotask(() => (keep(), tell(), soon(0)))
    return `${client}:${item.seq}`
  }

  function soon(wait) {
    clearTimeout(timer)
    timer = setTimeout(send, wait)
  }

  function batch() {
    const first = items[0].client
    const end = items.findIndex(each => each.client !== first)
    return items.slice(0, Math.min(end < 0 ? items.length : end, OUTBOX_BATCH))
  }

  function body(sent) {
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
        body: body(sent),
        signal: AbortSignal.timeout(OUTBOX_TIMEOUT),
      })
      const said = await answer.json()
      if (answer.ok) settle(sent[0].client, said)
      else fail(answer.status < 500 ? (said.error ?? `The server answers ${answer.status}.`) : "")
    } catch {
      fail("") // no answer: away, restarting, or cut off
    }
    busy = false
    tell()
    if (items.length) soon(failures ? OUTBOX_WAITS[Math.min(failures, OUTBOX_WAITS.length) - 1] : 0)
  }

  function fail(sentence) {
    failures += 1
    trouble = sentence
  }

  function settle(from, said) {
    const acked = said.acked.map(each => each.seq)
    const turned = said.refused.map(each => each.seq)
    const settled = new Set([...acked, ...turned])
    const before = items.length
    for (let at = items.length - 1; at >= 0; at--) {
      if (items[at].client === from && settled.has(items[at].item.seq)) items.splice(at, 1)
    }
    if (items.length === before) return fail("The server answered for none of the decisions.")
    // a hole that is below a stored decision needs no mention any more
    const stored = Math.max(0, ...acked)
    refused[from] = [...(refused[from] ?? []), ...turned].filter(each => each > stored)
    const alive = name => name === client || items.some(each => each.client === name)
    for (const name of Object.keys(refused)) if (!alive(name)) delete refused[name]
    failures = 0
    trouble = halted = ""
    keep()
    queueMicrotask(() => listener.onReceipt({ ...said, client: from })) // its errors are its own
  }

  // the last chance before the page goes; whatever arrives twice is stored once
  function flush() {
    if (!items.length || !url) return
    const text = body(batch())
    if (text.length > 60000) return // more is not sent from a page that goes
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
      tell()
    },
    unsent: () => items.map(each => ({ key: `${each.client}:${each.item.seq}`, ...each.item })),
    attach(to) {
      url = to.url
      listener = {
        extra: to.extra ?? nothing.extra,
        onReceipt: to.onReceipt ?? nothing.onReceipt,
        onState: to.onState ?? nothing.onState,
      }
      tell()
      soon(0)
    },
    detach() {
      listener = nothing
    },
  }
}

function newClient() {
  if (crypto.randomUUID) return crypto.randomUUID()
  const bytes = crypto.getRandomValues(new Uint8Array(16)) // pages without https have no randomUUID
  return [...bytes].map(each => each.toString(16).padStart(2, "0")).join("")
}

function storedOutbox(key) {
  try {
    const { items, refused } = JSON.parse(sessionStorage.getItem(key) ?? "{}")
    return { items: items ?? [], refused: refused ?? {} }
  } catch {
    return { items: [], refused: {} }
  }
}
