// The reading page: keys and buttons to decisions, and what the book says to what is on screen.
//
// Nothing typed by people ever becomes markup: textContent alone.

import { epochMillis, makeClock } from "../common/clock.js"
import { mounted } from "../common/mounting.js"
import { makeLately, makeNames } from "../common/names.js"
import { makeOutbox } from "../common/outbox.js"
import { makeParts } from "../common/parts.js"
import { classesByKey } from "../common/strokes.js"
import { makeBook } from "./book.js"
import { makeFacts } from "./facts.js"
import { keyHelp, keyRequest } from "./keys.js"
import { makePanel } from "./panel.js"
import { makeStage } from "./stage.js"

const STEP = 60 // pixels that an arrow key moves the image
const WINDOW_STEP = 0.1

// what an answer is called in the log: those of an audit are kinds of their own
const LABELLING = { label: "label", unsure: "unsure", none: "none" }
const AUDITING = { label: "audit_label", unsure: "audit_unsure", none: "audit_none" }

export default mounted(({ data: first, parentElement }) => {
  let reader = openReader(parentElement, first)
  return {
    update({ data }) {
      if (reader.name === data.name) return reader.update(data)
      reader.close() // another project or reader
      reader = openReader(parentElement, data)
    },
    close: () => reader.close(),
  }
})

function openReader(root, first) {
  const find = selector => root.querySelector(selector)
  const { name, base, audit } = first
  const kinds = audit ? AUDITING : LABELLING
  const desk = audit ? `${base}/audits/${audit}` : base
  let classes = first.classes
  let hasParts = first.parts
  let keys = classesByKey(classes)
  let refusals = 0
  let drawing = false
  let closed = false
  let panel = null // made last, asked for earlier

  const outbox = makeOutbox({
    key: `${name}-outbox`,
    url: `${desk}/decisions`,
    extra: () => ({ queue: reading.positions() }),
    onReceipt: answer => reading.receive(answer),
    onState: () => panel?.saved(outbox.state()),
  })
  const address = ({ position, image }) => `${base}/images/${position}/${image}`
  const parts = makeParts({ stage: find(".stage"), swap: img => stage.swap(img) })
  const stage = makeStage({
    box: find(".box"),
    url: address,
    onPainted: showParts,
    onFailed: (position, attempts) => panel.failed(position, attempts),
    turn: parts.wheel,
  })
  const clock = makeClock()
  const reading = makeBook({ name: `${name}-book`, base: desk, outbox, onChange: present })
  const lately = makeLately(first.lately)
  const facts = makeFacts({ place: find(".metadata"), name: `${name}-metadata-hidden` })
  panel = makePanel({ root, base, reading, lately, facts, onAction: act, onTakeBack: takeBack })
  const names = makeNames({
    place: find(".typing"),
    classes: () => classes,
    lately,
    onGive: giveNamed,
    onToggle: () => panel.typing(names.about() !== null),
  })

  function showParts() {
    clock.start()
    panel.failed(null)
    const [item] = reading.book.queue
    if (hasParts && item && stage.shows(item)) parts.show(address(item))
  }

  // -- decisions -----------------------------------------------------------------------------------

  // Returns whether it was taken; where it was not a cue says why.
  function give(event, kind, fields = {}) {
    const seen = stage.seen(event)
    const { trouble } = outbox.state()
    if (trouble) return refuse(trouble)
    const [item] = reading.book.queue
    if (!seen || !item || !stage.shows(item)) return refuse(tooEarly())
    reading.decide({ kind, ...fields, ...seen, active_ms: clock.read() })
    if (fields.class_id !== undefined) lately.given(fields.class_id)
    present()
    panel.given(kind, fields.class_id, item.position)
    return true
  }

  // Asks for a class's name, for the image that is on screen now.
  function askName(event) {
    const [item] = reading.book.queue
    if (!stage.seen(event) || !item || !stage.shows(item)) return refuse(tooEarly())
    names.open(item)
  }

  function giveNamed(event, chosen, item) {
    if (!stage.shows(item)) return refuse(`You chose it for image ${item.position}, which is not on screen now.`)
    give(event, kinds.label, { class_id: chosen.id })
  }

  function refuse(why) {
    panel.cue(why)
    return false
  }

  function tooEarly() {
    refusals += 1
    const count = refusals === 1 ? "1 key" : `${refusals} keys`
    return `Too early, the image was not on screen yet: ${count} not taken`
  }

  function takeBack(event, key = null) {
    const { trouble } = outbox.state()
    if (trouble) return panel.cue(trouble)
    const last = reading.undo(epochMillis(event.timeStamp), key)
    if (!last) return panel.cue("There is nothing to take back.")
    present()
    panel.takenBack(last)
  }

  // -- what keys and buttons ask for ---------------------------------------------------------------

  const actions = {
    skip: event => give(event, "skip"),
    unsure: event => give(event, kinds.unsure),
    none: event => give(event, kinds.none),
    name: event => askName(event),
    metadata: () => panel.cue(facts.toggle(), "told"),
    flag: () => panel.askComment(reading.book.queue[0]?.position ?? null),
    unflag: () => panel.askComment(null),
    undo: event => takeBack(event),
    in: () => stage.zoom(1.3),
    out: () => stage.zoom(1 / 1.3),
    fit: () => stage.fit(),
    left: () => stage.pan(STEP, 0),
    right: () => stage.pan(-STEP, 0),
    up: () => stage.zoomed() ? stage.pan(0, STEP) : parts.step(-1),
    down: () => stage.zoomed() ? stage.pan(0, -STEP) : parts.step(1),
    before: () => parts.step(-1),
    after: () => parts.step(1),
    darker: () => stage.setWindow(-WINDOW_STEP, 0),
    brighter: () => stage.setWindow(WINDOW_STEP, 0),
    softer: () => stage.setWindow(0, -WINDOW_STEP),
    harder: () => stage.setWindow(0, WINDOW_STEP),
    invert: () => stage.invert(),
    reset: () => stage.reset(),
    help: () => panel.help(keyHelp(classes, Boolean(audit))),
    again: () => reading.open(),
    last: () => (reading.putLast(), present()),
  }

  function act(event, { action, class: chosen }) {
    if (chosen) give(event, kinds.label, { class_id: chosen.id })
    else actions[action](event)
  }

  function onKey(event) {
    const request = keyRequest(event, keys, Boolean(audit))
    if (!request) return
    if (panel.helping() && request.action !== "help") return
    if (scrolls(event.key)) return
    event.preventDefault()
    event.stopImmediatePropagation() // Streamlit has keys of its own: r runs the page again
    if (!event.repeat || request.repeats) act(event, request)
  }

  // Whether the page scrolls by this key: there is nothing to move, and no other picture.
  function scrolls(key) {
    if (/^Page/.test(key)) return !parts.several()
    if (!/^Arrow/.test(key) || stage.zoomed()) return false
    return /Left|Right/.test(key) || !parts.several()
  }

  function onFlag(event) {
    event.preventDefault()
    const { position, comment } = panel.comment()
    if (position !== reading.book.queue[0]?.position) {
      return panel.cue(`You wrote this about image ${position}, which is not on screen now.`)
    }
    // what was typed stays in its field until it is taken
    if (give(event, "flag", comment ? { comment } : {})) panel.askComment(null)
  }

  // -- what is on screen ---------------------------------------------------------------------------

  function present() {
    const { queue } = reading.book
    if (!stage.shows(queue[0])) {
      names.close() // what is typed was about the image before
      parts.show(null)
      stage.show(queue[0] ?? null)
    }
    stage.prefetch(queue)
    if (drawing) return
    drawing = true
    requestAnimationFrame(() => setTimeout(draw)) // the image has the next frame to itself
  }

  function draw() {
    drawing = false
    if (!closed) panel.draw(reading.book)
  }

  addEventListener("keydown", onKey, true)
  find(".flagging").onsubmit = onFlag
  find("#strategy").onchange = event => {
    reading.choose(event.target.value)
    event.target.blur()
    present()
  }
  panel.update(first)
  panel.saved(outbox.state())
  present()
  if (first.asked && first.asked !== reading.book.strategy) reading.choose(first.asked)
  reading.open()

  return {
    name,
    update(data) {
      classes = data.classes
      hasParts = data.parts
      names.close()
      keys = classesByKey(classes)
      panel.update(data)
      present()
    },
    close() {
      closed = true
      removeEventListener("keydown", onKey, true)
      reading.close()
      stage.stop()
      clock.stop()
      outbox.detach()
    },
  }
}
