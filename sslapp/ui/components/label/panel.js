// Everything around the image: classes with their counts, progress, what is saved, the last
// decisions, messages. It draws what it is told and passes on what is clicked.

import { element, replay, setText, textElement, thousands } from "../common/elements.js"

const STRIP = 8
const MOST_ROWS = 32 // with more classes than keys, those given lately alone have a row
const CUE_MS = 2400
const GIVEN_MS = 220
const WORDS = {
  skip: "skipped", unsure: "unsure", none: "none of these", flag: "flagged",
  audit_unsure: "unsure", audit_none: "none of these", audit_repeat: "looked at again",
}

/**
 * @param {object} options
 * @param {Element | ShadowRoot} options.root the component's root
 * @param {string} options.base address of the project's routes
 * @param {ReturnType<typeof import("./book.js").makeBook>} options.reading
 * @param {ReturnType<typeof import("../common/names.js").makeLately>} options.lately
 * @param {ReturnType<typeof import("./facts.js").makeFacts>} options.facts
 * @param {(event: Event, request: { action: string } | { class: object }) => void} options.onAction
 * @param {(event: Event, key: string) => void} options.onTakeBack
 */
export function makePanel({ root, base, reading, lately, facts, onAction, onTakeBack }) {
  const find = selector => root.querySelector(selector)
  const stage = find(".stage")
  const dialog = find("dialog.help")
  let classes = new Map() // id -> class
  let rows = new Map() // id -> its button
  let auditing = false
  let cueTimer = null
  let failure = null // { position, attempts } of the image that does not load
  let commented = null // the position of the image that a comment is asked for

  for (const button of root.querySelectorAll("[data-do]")) {
    button.onclick = event => act(event, { action: button.dataset.do })
  }

  // A button that was clicked must not keep the focus: Space would press it again.
  function act(event, request) {
    if (event.detail > 0) event.currentTarget.blur()
    onAction(event, request)
  }

  // Streamlit's own keys do not see that these are typed into a field: it is in a shadow tree.
  find("#strategy").onkeydown = event => event.stopPropagation()
  find("#comment").onkeydown = event => {
    event.stopPropagation()
    if (event.key === "Escape") act(event, { action: "unflag" })
  }

  // -- what the page says --------------------------------------------------------------------------

  function update(data) {
    auditing = Boolean(data.audit)
    classes = new Map(data.classes.map(each => [each.id, each]))
    rows = new Map()
    drawClasses()
    drawKeys()
    const options = data.strategies.map(({ name, title, about, why_not }) => {
      const option = textElement("option", "", why_not ? `${title} (${why_not})` : title)
      return Object.assign(option, { value: name, title: about, disabled: Boolean(why_not) })
    })
    find("#strategy").replaceChildren(...options)
    for (const link of root.querySelectorAll("a[data-page]")) {
      link.href = `${link.dataset.page}?project=${data.project}`
    }
    for (const node of root.querySelectorAll("[data-only]")) {
      node.hidden = node.dataset.only !== (auditing ? "audit" : "label")
    }
    stage.dataset.theme = isDark(root) ? "dark" : "light"
  }

  // Rows that are there stay where they are: the mouse may be above one.
  function drawClasses() {
    const all = [...classes.values()]
    const few = all.length <= MOST_ROWS
    const wanted = few ? all : lately.ids().map(id => classes.get(id)).filter(Boolean)
    if (rows.size && wanted.every(each => rows.has(each.id))) return
    rows = new Map(wanted.map(each => [each.id, classButton(each)]))
    const list = find(".classes")
    list.replaceChildren(...rows.values())
    list.setAttribute("aria-label", few ? "Classes" : "Classes given lately")
  }

  // A letter that a class owns takes Shift.
  function drawKeys() {
    const taken = new Set([...classes.values()].map(each => each.key))
    for (const kbd of root.querySelectorAll(".others kbd[data-key]")) {
      const { key } = kbd.dataset
      setText(kbd, taken.has(key.toLowerCase()) ? `⇧${key}` : key)
    }
  }

  function classButton(each) {
    const button = element("button", "class")
    button.type = "button"
    button.style.setProperty("--class-colour", each.colour)
    const name = textElement("span", "name", each.name)
    const key = textElement("kbd", "", each.key.toUpperCase())
    button.append(key, element("span", "swatch"), name, textElement("span", "count", auditing ? "" : "0"))
    button.title = each.name
    button.onclick = event => act(event, { class: each })
    return button
  }

  // -- what the book says --------------------------------------------------------------------------

  function draw(book) {
    drawClasses()
    if (auditing) drawProof(book.progress)
    else {
      for (const [id, button] of rows) setText(button.lastChild, thousands(reading.count(id)))
      drawProgress(book.progress)
    }
    drawStrip(book.history.slice(-STRIP))
    drawNotices(book)
    drawConflicts(book.conflicts)
    const [item] = book.queue
    setText(find(".which"), item ? `Image ${item.position}` : "")
    const flagged = each => each.kind === "flag" && each.position === item?.position
    find(".flagged").hidden = !book.history.some(flagged)
    setText(find(".reason"), item?.reason ?? "")
    facts.draw(book.metadata[item?.position] ?? [])
    show(".note", book.note)
    find("#strategy").value = book.strategy
    drawEnd(book)
  }

  function drawProgress(progress) {
    if (!progress) return
    let labelled = 0
    for (const id of classes.keys()) labelled += reading.count(id)
    const { images, holdout_labelled, holdout_target } = progress
    const share = images ? Math.min(100, (100 * labelled) / images) : 0
    setText(find(".done"), `${thousands(labelled)} of ${thousands(images)} labelled`)
    const bar = find(".bar")
    bar.firstElementChild.style.transform = `scaleX(${share / 100})`
    bar.setAttribute("aria-valuenow", share.toFixed(1))
    const enough = holdout_labelled >= holdout_target
    const goal = enough ? thousands(holdout_labelled) : `${holdout_labelled} of ${holdout_target}`
    setText(find(".holdout"), `Holdout: ${goal} labelled`)
  }

  // What an audit has proven. Of the last answer nothing shows: it can still be taken back.
  function drawProof(progress) {
    if (!progress) return
    const { looks, errors, precision, target, proven, expected, further } = progress
    const found = errors === 1 ? "1 error" : `${thousands(errors)} errors`
    setText(find(".done"), `${thousands(looks)} looks, ${found} found and mended`)
    const bar = find(".bar")
    const share = proven ? 1 : expected === null ? 0 : looks / (looks + expected)
    bar.firstElementChild.style.transform = `scaleX(${share})`
    bar.setAttribute("aria-valuenow", (100 * share).toFixed(1))
    bar.classList.toggle("proven", proven)
    const least = (Math.floor(1000 * precision) / 10).toFixed(1)
    setText(find(".holdout"), `Proven at least ${least} % right, wanted ${100 * target} %`)
    show(".advice", progress.advice)
    setText(find(".ahead"), proven ? "Proven. Stop here, or look on for a higher bound." : aheadWords(expected, further))
  }

  function aheadWords(expected, further) {
    if (expected === null) return "Looking at all of them would not prove it: mend first."
    const differs = further !== null && further !== expected
    const clean = differs ? `, ${thousands(further)} if none finds an error` : ""
    return `About ${thousands(expected)} more looks${clean}`
  }

  function drawStrip(decisions) {
    const strip = find(".strip")
    const old = new Map([...strip.children].map(each => [each.dataset.key, each]))
    const wanted = decisions.map(each => old.get(each.key) ?? thumbnail(each)).reverse()
    for (const each of old.values()) if (!wanted.includes(each)) each.remove()
    wanted.forEach((each, at) => {
      if (strip.children[at] !== each) strip.insertBefore(each, strip.children[at] ?? null)
    })
  }

  function thumbnail(decision) {
    const item = element("li")
    item.dataset.key = decision.key
    const button = element("button")
    button.type = "button"
    button.title = `Image ${decision.position}: ${decisionWords(decision)}. Click to take it back.`
    const which = `${decision.position}/${decision.image}`
    const img = Object.assign(new Image(), { alt: "", src: `${base}/thumbs/${which}` })
    // the image itself was just on screen, so it is at hand while the server is away
    img.onerror = () => {
      img.onerror = null
      img.src = `${base}/images/${which}`
    }
    const colour = classes.get(decision.class_id)?.colour
    if (colour) button.style.setProperty("--class-colour", colour)
    button.append(img, textElement("span", "name", decisionWords(decision)), element("span", "swatch"))
    button.onclick = event => {
      if (event.detail > 0) button.blur()
      onTakeBack(event, decision.key)
    }
    item.append(button)
    return item
  }

  function decisionWords({ kind, class_id }) {
    if (/label$/.test(kind)) return classes.get(class_id)?.name ?? "retired class"
    return WORDS[kind] ?? kind
  }

  function drawNotices(book) {
    const list = find(".notices")
    const known = [...list.children].map(each => each.firstChild.textContent)
    const texts = book.notices.map(({ text }) => `Not saved: ${text}`)
    if (known.join("\n") === texts.join("\n")) return
    list.replaceChildren(
      ...texts.map((text, at) => {
        const notice = element("div", "notice")
        const close = Object.assign(textElement("button", "", "Dismiss"), { type: "button" })
        close.onclick = () => {
          book.notices.splice(at, 1)
          reading.keep()
          draw(book)
        }
        notice.append(textElement("p", "", text), close)
        return notice
      }),
    )
  }

  function drawConflicts(conflicts) {
    find(".conflicts").hidden = conflicts.length === 0
    const lines = conflicts.slice(-5).map(({ reader, position, class_name }) => {
      return textElement("li", "", `${reader}: image ${position} is ${class_name}`)
    })
    find(".conflicts ul").replaceChildren(...lines.reverse())
  }

  // What stands in place of an image: why there is none, and what to do.
  function drawEnd(book) {
    const none = book.queue.length === 0
    find(".end").hidden = !(none && book.ended)
    const failing = failure !== null && failure.position === book.queue[0]?.position
    find(".last").hidden = !failing || book.queue.length < 2
    let message = ""
    if (none && !book.ended) {
      message = book.away ? book.trouble || "The server does not answer. Trying again…" : "Choosing images…"
    } else if (failing) {
      message = `Image ${failure.position} does not load. Trying again…`
    }
    show(".message", message)
    if (!none || !book.progress) return
    if (auditing) {
      const { looks, images } = book.progress
      const whole = looks >= images
      find(".end h3").textContent = whole ? "Every image was looked at" : "Nothing left for you"
      find(".end p").textContent = whole
        ? "Its labels are known: there is nothing left to prove."
        : "Other readers have the rest before them."
      return
    }
    const all = book.progress.labelled >= book.progress.images
    find(".end h3").textContent = all ? "Every image has a label" : "Nothing left to label"
    find(".end p").textContent = all
      ? "Train a round on them, or review what a round proposes."
      : "What has no label was passed over, or another reader has it before them."
  }

  // -- what happens --------------------------------------------------------------------------------

  function given(kind, class_id, position) {
    const row = rows.get(class_id)
    row?.classList.add("given")
    setTimeout(() => row?.classList.remove("given"), GIVEN_MS)
    speak(`Image ${position}: ${decisionWords({ kind, class_id })}`)
  }

  function takenBack(decision) {
    cue(`Taken back: ${decisionWords(decision)}`, "back")
  }

  function cue(text, mood = "early") {
    const line = find(".cue")
    line.textContent = text
    line.dataset.mood = mood
    replay(line, "on")
    if (mood === "early") replay(stage, "shaken")
    speak(text)
    clearTimeout(cueTimer)
    cueTimer = setTimeout(() => line.classList.remove("on"), CUE_MS)
  }

  function saved({ unsent, away, trouble }) {
    const line = find(".saved")
    const number = thousands(unsent)
    line.dataset.state = trouble || away ? "away" : unsent ? "saving" : "saved"
    const waiting = trouble || (away ? `${number} unsaved, retrying` : `Saving ${number}`)
    setText(line.lastElementChild, unsent || trouble ? waiting : "All saved")
  }

  function failed(position, attempts = 0) {
    failure = position === null ? null : { position, attempts }
    drawEnd(reading.book)
  }

  const speak = text => (find(".spoken").textContent = text)

  function show(selector, text) {
    const line = find(selector)
    setText(line, text)
    line.hidden = !text
  }

  return {
    ...{ update, draw, given, takenBack, cue, saved, failed },
    // Asks for a comment on an image, null for no more; asked again, what was typed stays.
    askComment(position) {
      const input = find("#comment")
      if (position !== commented) input.value = ""
      commented = position
      find(".flagging").hidden = commented === null
      if (commented === null) input.blur()
      else input.focus()
    },
    comment: () => ({ position: commented, comment: find("#comment").value.trim() }),
    typing(open) {
      find(".classes").hidden = open
    },
    helping: () => dialog.open,
    help(lines) {
      if (dialog.open) return dialog.close()
      const parts = lines.flatMap(([keys, about]) => [textElement("dt", "", keys), textElement("dd", "", about)])
      dialog.querySelector("dl").replaceChildren(...parts)
      dialog.showModal()
    },
  }
}

// Streamlit does not say which theme is on; the colour of its page does.
function isDark(root) {
  const probe = element("span")
  probe.style.color = "var(--st-background-color)"
  ;(root.querySelector(".reader") ?? root).append(probe)
  const [red, green, blue] = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number)
  probe.remove()
  return 0.3 * red + 0.6 * green + 0.1 * blue < 128
}
