// The book of a reading: which images come next, what was decided, how far the project is.
//
// It lies in sessionStorage, so that a reader who reloads the page goes on at the same image. What
// the server says is merged into it; nothing here draws. The image in front of the reader is never
// changed by an answer of the server: a key already on its way would hit another image.

import { readStored, writeStored } from "../common/storage.js"

const FULL = 50
const LOW = 20
const FEW_TO_UNDO = 10
const MOST_IN_HAND = 500
const KEPT_HISTORY = 200
const WAITS_MS = [1000, 2000, 4000, 8000]

/**
 * @param {object} options
 * @param {string} options.name its key in sessionStorage
 * @param {string} options.base address of the project's routes
 * @param {import("../common/outbox.js").Outbox} options.outbox
 * @param {() => void} options.onChange called after every change that a server's answer made
 */
export function makeBook({ name, base, outbox, onChange }) {
  const stored = readStored(name, {})
  const book = {
    queue: stored.queue ?? [], // [{ position, image, reason, strategy }], the first is on screen
    history: stored.history ?? [], // standing decisions, oldest first
    strategy: stored.strategy ?? "auto",
    notices: stored.notices ?? [], // [{ position, text }] refused decisions, until dismissed
    conflicts: stored.conflicts ?? [],
    progress: stored.progress ?? null,
    metadata: {}, // position -> [[column, value]] that may be shown; never kept in the browser
    note: "",
    ended: false, // the server has nothing more to offer
    away: false, // the queue cannot be refilled just now,
    trouble: "", // and what the server says about it
  }
  const undone = new Map() // key -> decision, for counts until the server has counted
  let refilling = false
  let failures = 0
  let timer = null
  let recalled = false // the server's newest decisions are in the history
  let oldest = false // there is nothing older to take back
  let closed = false
  let acts = 0 // what the reader did on this page
  let keeping = false

  // Written before this task ends, and after whatever it has still to draw.
  function keep() {
    if (!keeping) queueMicrotask(write)
    keeping = true
  }

  function write() {
    keeping = false
    const { queue, strategy, notices, conflicts, progress } = book
    // what is older the server tells again
    const history = book.history.slice(-KEPT_HISTORY)
    // a full storage costs the position after a reload, no decision
    writeStored(name, { queue, history, strategy, notices, conflicts, progress })
  }

  const changed = () => (keep(), onChange())
  const positions = () => book.queue.map(each => each.position)

  // -- what the reader does ------------------------------------------------------------------------

  // A decision about the image on screen. A flag leaves it there.
  function decide(entry) {
    acts += 1
    const { position, strategy } = book.queue[0]
    const key = outbox.add({ ...entry, position, strategy })
    book.history.push({ key, ...entry, position })
    if (entry.kind !== "flag") book.queue.shift()
    keep()
    topUp()
  }

  // Takes a standing decision back, the latest by default, and returns it; its image comes back.
  function undo(pressed_at, key = null) {
    const at = key ? book.history.findIndex(each => each.key === key) : book.history.length - 1
    const [last] = at < 0 ? [] : book.history.splice(at, 1)
    if (!last) return null
    acts += 1
    outbox.add({ kind: "undo", of: last.key, pressed_at })
    if (book.queue[0]?.position !== last.position) {
      book.queue = book.queue.filter(each => each.position !== last.position)
      const reason = "You decided this before and took it back."
      const { position, image } = last
      book.queue.unshift({ position, image, reason, strategy: "undo" })
    }
    undone.set(last.key, last)
    keep()
    if (book.history.length < FEW_TO_UNDO) recall()
    return last
  }

  function choose(strategy) {
    book.strategy = strategy
    const dropped = book.queue.splice(1).map(each => each.position)
    book.ended = false
    post("queue/release", { positions: dropped }).catch(() => {})
    keep()
    refill()
  }

  // An image that cannot be shown goes to the end.
  function putLast() {
    if (book.queue.length > 1) book.queue.push(book.queue.shift())
    keep()
  }

  // Labels of a class by now: what the server counted and what it has not answered for yet.
  function count(class_id) {
    let number = book.progress?.per_class[class_id] ?? 0
    for (const each of outbox.unsent()) {
      if (each.kind === "label" && each.class_id === class_id) number += 1
      const back = each.kind === "undo" ? undone.get(each.of) : null
      if (back?.kind === "label" && back.class_id === class_id) number -= 1
    }
    return number
  }

  // -- what the server says ------------------------------------------------------------------------

  function receive(answer) {
    const decision = seq => book.history.find(each => each.key === `${answer.client}:${seq}`)
    for (const { seq, number } of answer.acked) Object.assign(decision(seq) ?? {}, { number })
    for (const { seq, reason } of answer.refused) {
      const lost = decision(seq)
      book.history = book.history.filter(each => each !== lost)
      book.notices.push({ position: lost?.position ?? null, text: reason })
    }
    book.conflicts.push(...answer.conflicts)
    book.conflicts = book.conflicts.slice(-20)
    book.progress = answer.progress
    sweep(answer.gone ?? [])
    if (answer.refused.length) refill() // what is in hand may not be what the server has
    changed()
  }

  // The image on screen stays, unless the reader has only just come back to this window.
  function sweep(gone, firstToo = false) {
    if (!gone.length) return
    const away = new Set(gone)
    const stays = (each, at) => (at === 0 && !firstToo) || !away.has(each.position)
    book.queue = book.queue.filter(stays)
    topUp()
  }

  function topUp() {
    if (book.queue.length < LOW && !book.ended) refill()
  }

  async function refill(returned = false) {
    if (refilling || closed) return
    refilling = true
    clearTimeout(timer)
    const before = acts
    const settled = outbox.unsent().length === 0 // else what is taken back seems gone to the server
    const asked = book.strategy
    // what is decided but not stored yet must not be offered again either
    const waiting = book.history.filter(unsaved).map(each => each.position)
    const have = [...new Set([...positions(), ...waiting])].slice(0, MOST_IN_HAND)
    try {
      const missing = Math.max(1, FULL - book.queue.length)
      const offer = await post("queue", { have, count: missing, strategy: asked })
      failures = 0
      Object.assign(book, { away: false, trouble: "" })
      outbox.halt("")
      renew(offer.images, returned && before === acts)
      for (const each of have) delete book.metadata[each]
      Object.assign(book.metadata, offer.metadata)
      if (asked === book.strategy) {
        take(offer)
        if (settled) sweep(offer.gone, returned && before === acts)
      }
    } catch (error) {
      failures += 1
      Object.assign(book, { away: true, trouble: error.sentence ?? "" })
      if (error.stop) outbox.halt(error.sentence)
      timer = setTimeout(() => refill(), WAITS_MS[Math.min(failures, WAITS_MS.length) - 1])
    }
    refilling = false
    if (asked !== book.strategy) refill()
    if (!closed) changed()
  }

  // The pictures of the images in hand, as the server has them: what is kept may be of another copy.
  function renew(images, firstToo) {
    book.queue = book.queue.map((each, at) => {
      const image = at || firstToo ? images[each.position] : null
      return image ? { ...each, image } : each
    })
  }

  function take(offer) {
    const known = new Set(positions())
    book.queue.push(...offer.items.filter(each => !known.has(each.position)))
    book.note = offer.note
    book.progress = offer.progress
    book.ended = offer.items.length === 0
  }

  const unsaved = decision => decision.number === undefined && decision.kind !== "flag"

  // Standing decisions that the server has and the book has not: of other windows, of before.
  async function recall() {
    if (oldest) return
    const numbers = book.history.map(each => each.number).filter(Boolean)
    const deeper = recalled && numbers.length ? `?before=${Math.min(...numbers)}` : ""
    try {
      const answer = await fetch(`${base}/decisions${deeper}`)
      if (!answer.ok || closed) return
      const { decided } = await answer.json()
      oldest = decided.length === 0
      recalled = true
      const takenBack = new Set(outbox.unsent().map(each => each.of))
      const server = new Set(decided.map(each => each.key))
      const numbered = decided.map(each => each.number)
      const [least, most] = [Math.min(...numbered), Math.max(...numbered)]
      // what the server would have named by its number, but did not, was undone in another window
      const standing = book.history.filter(
        each => !(each.number >= least && each.number <= most) || server.has(each.key),
      )
      const mine = new Set(standing.map(each => each.key))
      const fresh = decided.filter(each => !mine.has(each.key) && !takenBack.has(each.key))
      const age = each => each.number ?? Infinity
      book.history = [...standing, ...fresh].sort((a, b) => age(a) - age(b) || 0)
      changed()
    } catch {
      // without the server there is no older decision to take back
    }
  }

  async function post(where, body) {
    const headers = { "Content-Type": "application/json" }
    const answer = await fetch(`${base}/${where}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    })
    const content = await answer.json()
    if (answer.ok) return content
    throw Object.assign(new Error("refused"), { sentence: content.error, stop: content.stop })
  }

  function leave() {
    const headers = { "Content-Type": "application/json" }
    const options = { method: "POST", headers, body: "{}", keepalive: true }
    fetch(`${base}/queue/release`, options).catch(() => {})
  }

  const returned = () => !document.hidden && refill(true)
  addEventListener("pagehide", leave)
  document.addEventListener("visibilitychange", returned)

  return {
    ...{ book, positions, decide, undo, choose, putLast, count, receive, keep },
    open() {
      book.ended = false
      refill(true)
      recall()
    },
    close() {
      closed = true
      clearTimeout(timer)
      removeEventListener("pagehide", leave)
      document.removeEventListener("visibilitychange", returned)
      leave()
    },
  }
}
