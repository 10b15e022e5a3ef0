// The panel beside the sheet: the focused image large, the round's probabilities, the evidence.

import { element } from "../common/elements.js"
import { nearTo } from "../common/evidence.js"
import { inspection, thumbAddress } from "./inspection.js"
import {
  STAMPS, className, commandKey, isOpen, labelWords, noClass, refusalReason, shownClass, tileOf,
} from "./state.js"
import { dot, percent } from "./words.js"

const LINES = 6
const capital = text => text[0].toUpperCase() + text.slice(1)
const FETCHED = ["lines", "members", "evidence"]

export async function drawPanel(desk) {
  const position = desk.focus
  if (desk.names.about()?.position !== position) desk.names.close()
  const tile = position === null ? null : tileOf(desk, position)
  desk.find("focus").hidden = tile === null || tile === undefined
  if (!tile) return
  drawTitle(desk, tile)
  drawJudge(desk, tile)
  const stale = desk.drawnFor !== position // another image's numbers must not be read as this one's
  for (const name of FETCHED) desk.find(name).classList.toggle("stale", stale)
  try {
    const found = await inspection(desk, position)
    if (desk.focus !== position) return
    markDrawn(desk, position)
    drawLines(desk, found)
    drawMembers(desk, found)
    drawEvidence(desk, found)
    drawName(desk, found)
  } catch (error) {
    if (desk.focus !== position) return
    markDrawn(desk, position)
    desk.find("lines").replaceChildren(element("p", "note", { textContent: error.message }))
    desk.find("members").replaceChildren()
    desk.find("evidence").replaceChildren()
  }
}

function markDrawn(desk, position) {
  desk.drawnFor = position
  for (const name of FETCHED) desk.find(name).classList.remove("stale")
}

function drawTitle(desk, tile) {
  const decision = desk.decided.get(tile.p)
  const shown = shownClass(tile, decision)
  const title = element("span", "what", {
    textContent: tile.blind ? "Holdout image" : shown === null ? nothingFits(desk, decision) : className(desk, shown),
  })
  const sure = element("span", "sure", {
    textContent: decision || tile.label || tile.proposed === null ? "" : percent(tile.sure),
  })
  const number = element("button", "number", { type: "button", textContent: `image ${tile.p}` })
  number.title = "Show or hide the file's name, which may tell the class"
  number.onclick = () => {
    desk.showNames = !desk.showNames
    number.blur()
    drawPanel(desk)
  }
  desk.find("title").replaceChildren(dot(desk.classes.get(shown)?.colour ?? "transparent"), title, sure, number)
  desk.find("standing").replaceChildren(...standingWords(desk, tile, decision))
}

const nothingFits = (desk, decision) =>
  decision?.kind === "none" ? "None of these" : capital(noClass(desk))

function standingWords(desk, tile, decision) {
  const words = []
  if (decision?.state === "refused") words.push(decision.reason)
  else if (decision?.kind === "none") words.push("You said that no class fits it.")
  else if (decision) words.push(`You ${STAMPS[decision.kind]} it.`)
  if (tile.label && (!decision || decision.state === "refused")) words.push(`Now: ${labelWords(desk, tile.label)}.`)
  if (tile.held) words.push(`${tile.held} has this image open.`)
  if (tile.withheld) words.push("Withheld until the next round.")
  return words.map(each => element("p", "note", { textContent: each }))
}

function drawName(desk, found) {
  if (desk.showNames) desk.find("title").querySelector(".number").textContent = found.name
}

function drawJudge(desk, tile) {
  const name = tile.proposed === null ? "" : className(desk, tile.proposed)
  const set = (button, text, key, disabled) => {
    const node = desk.find(button)
    node.replaceChildren(element("span", "", { textContent: text }), element("kbd", "", { textContent: key }))
    node.disabled = disabled
  }
  const decision = desk.decided.get(tile.p)
  const closed = Boolean(refusalReason(desk, tile, "accept"))
  const bare = desk.data.round === null
  desk.find("one-accept").hidden = bare && !tile.questioned // a label in question can be kept
  desk.find("one-reject").hidden = bare
  if (tile.questioned) {
    set("one-accept", `Keep ${className(desk, tile.label.class)}`, "a", Boolean(refusalReason(desk, tile, "keep")))
  } else set("one-accept", "Accept", "a", closed)
  set("one-reject", name ? `Not ${name}` : "Reject", "x", closed)
  set("one-none", "None of these", commandKey(desk, "n"), Boolean(refusalReason(desk, tile, "none")))
  set("one-name", "Type a class", "/", Boolean(refusalReason(desk, tile, "relabel")))
  const out = desk.excluded.has(tile.p)
  set("one-exclude", out ? "Back in" : "Leave out", commandKey(desk, "e"), !out && !isOpen(desk, tile.p))
  set("one-similar", "More like this", commandKey(desk, "s"), tile.blind || decision?.state === "waiting")
}

function drawLines(desk, found) {
  if (desk.data.round === null) return desk.find("lines").replaceChildren()
  const head = element("div", "head")
  const fitted = found.calibrated || found.temperature !== 1
  head.append(
    element("span", "", { textContent: "Probability" }),
    element("span", "note", { textContent: found.calibration, title: found.calibration }),
  )
  const shown = found.lines.slice(0, LINES)
  const rest = found.lines.slice(LINES).reduce((sum, each) => sum + each.calibrated, 0)
  const rows = shown.map(each => line(desk, each, fitted))
  if (found.lines.length > LINES) {
    rows.push(element("p", "note", { textContent: `${found.lines.length - LINES} more: ${percent(rest)}` }))
  }
  if (found.before !== null) {
    rows.push(element("p", "note", { textContent: `↺ The round before predicted ${className(desk, found.before)}.` }))
  }
  desk.find("lines").replaceChildren(head, ...rows)
}

function line(desk, each, fitted) {
  const row = element("div", each.forbidden ? "row ruled-out" : "row")
  const known = desk.classes.get(each.class)
  const bar = element("span", "bar-of")
  const fill = element("span", "fill")
  fill.style.width = `${100 * each.calibrated}%`
  fill.style.setProperty("--class", known?.colour ?? "gray")
  const tick = element("span", "tick")
  tick.style.left = `${100 * each.raw}%`
  tick.hidden = !fitted
  bar.append(fill, tick)
  const name = element("span", "what", { textContent: className(desk, each.class) })
  const key = element("kbd", "", { textContent: known?.key ?? "" })
  row.append(key, name, bar, element("span", "sure", { textContent: percent(each.calibrated) }))
  const raw = `raw ${(100 * each.raw).toFixed(1)} %, calibrated ${(100 * each.calibrated).toFixed(1)} %`
  row.title = each.forbidden ? `${raw}; a reader ruled this class out` : raw
  return row
}

// what the members of the round's ensemble say, one line each; nothing for another round
function drawMembers(desk, found) {
  const place = desk.find("members")
  if (!found.members.length) return place.replaceChildren()
  const head = element("div", "head")
  const apart = element("span", "note", { textContent: `${found.apart.toFixed(2)} nats apart` })
  const most = Math.log(Math.min(found.members.length, found.lines.length))
  apart.title = `Jensen-Shannon divergence: 0 when all say the same, at most ${most.toFixed(2)}`
  head.append(element("span", "", { textContent: "Members" }), apart)
  place.replaceChildren(head, ...found.members.map(each => member(desk, each)))
}

function member(desk, each) {
  const row = element("div", "member")
  const silent = each.class === null
  const what = silent ? "says nothing" : className(desk, each.class)
  row.append(
    element("span", "name", { textContent: each.name }),
    dot(desk.classes.get(each.class)?.colour ?? "transparent"),
    element("span", "what", { textContent: what, title: what }),
    element("span", "sure", { textContent: silent ? "" : percent(each.share) }),
  )
  return row
}

function drawEvidence(desk, found) {
  const head = element("div", "head")
  head.append(
    element("span", "", { textContent: "Nearest labelled by experts" }),
    element("span", "note", { textContent: nearTo(found) }),
  )
  const nearest = element("div", "near")
  for (const each of found.evidence) {
    const card = element("figure", "")
    const picture = element("img", "", {
      src: thumbAddress(desk, each.position, each.image), alt: `Image ${each.position}`, loading: "eager",
    })
    const text = element("figcaption", "")
    text.append(
      dot(desk.classes.get(each.class)?.colour ?? "gray"),
      element("span", "what", { textContent: className(desk, each.class) }),
      element("span", "far", { textContent: each.distance.toFixed(2) }),
    )
    card.append(picture, text)
    card.classList.toggle("other", desk.data.round !== null && each.class !== found.proposed)
    card.title = `Image ${each.position}, cosine distance ${each.distance.toFixed(3)}`
    nearest.append(card)
  }
  const none = found.embedded ? "No expert has labelled an image yet." : "This image is not embedded yet."
  if (!found.evidence.length) nearest.append(element("p", "note", { textContent: none }))
  desk.find("evidence").replaceChildren(head, nearest)
}

export function toggleHelp(desk) {
  const panel = desk.find("keys")
  panel.hidden = !panel.hidden
  if (panel.hidden) return
  const bare = desk.data.round === null
  const proposal = [["a", "accept the proposed class, or keep a label in question"], ["x", "reject: it is not the proposed class"]]
  const keys = [
    ...(bare ? [["a", "keep a label in question"]] : proposal),
    ["/", `${bare ? "label" : "relabel"} by typing the class's name`],
    [commandKey(desk, "n"), "none of these classes: it leaves the pool"],
    [bare ? "Click" : "Ctrl-click", "mark an image, or take its mark off; a class key labels all that are marked"],
    ["Shift-click", "mark all from the last one"],
    [commandKey(desk, "m"), "mark the image in focus"],
    ["*", "mark all on the sheet that were on screen"],
    ["Esc", "mark none"],
    ["Space", "look at the next, decide nothing"],
    ["Backspace", "take the last decision back"],
    [commandKey(desk, "e"), "leave out of a bulk decision, or take in again"],
    [commandKey(desk, "s"), "more images like this one"],
    ["Arrows", "move"],
    ["Enter", "next sheet"],
    ...(desk.data.parts ? [["PgUp PgDn", "picture before, after, of an image of several; the wheel, too"]] : []),
    ["?", "close this list"],
    ...[...desk.byKey].map(([key, each]) => [key, `relabel: ${each.name}`]),
  ]
  const rows = keys.map(([key, words]) => {
    const row = element("div", "")
    row.append(element("kbd", "", { textContent: key }), element("span", "", { textContent: words }))
    return row
  })
  const marks = element("p", "note", {
    textContent: "↺ the round before predicted another class · ≠ its nearest labelled images are of another class",
  })
  panel.replaceChildren(...rows, marks)
  panel.onclick = () => toggleHelp(desk)
}
