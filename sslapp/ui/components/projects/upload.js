// Sends one file to the server's route for uploads and tells the page when it has arrived.
//
// fetch() tells nothing of how far a body has got, so this is an XMLHttpRequest. The file itself
// is handed to it whole: the browser reads it from the disk as it sends.

import { mounted } from "../common/mounting.js"

const HINT = "or drop it here"

export default mounted(component => {
  const here = { request: null }
  const update = ({ data, parentElement, setStateValue }) => {
    Object.assign(here, { data, setStateValue, parts: partsOf(parentElement) })
    listen(here)
  }
  update(component)
  if (here.data.sent) arrived(here, here.data.sent)
  else idle(here)
  return { update, close: () => here.request?.abort() }
})

function partsOf(root) {
  const find = selector => root.querySelector(selector)
  return {
    box: find(".upload"),
    input: find("input"),
    choose: find(".choose"),
    line: find(".line"),
    stop: find(".stop"),
    bar: find(".bar"),
    fill: find(".fill"),
  }
}

function listen(here) {
  const { box, input, choose, stop } = here.parts
  input.accept = here.data.accept
  choose.onclick = () => input.click()
  choose.disabled = false // from here on somebody listens
  input.onchange = () => {
    const [file] = input.files
    input.value = "" // so that the same file can be chosen again
    if (file) send(here, file)
  }
  stop.onclick = () => here.request?.abort()
  box.ondragover = event => {
    event.preventDefault()
    if (!here.request) box.dataset.state = "over"
  }
  box.ondragleave = () => {
    if (box.dataset.state === "over") box.dataset.state = "idle"
  }
  box.ondrop = event => {
    event.preventDefault()
    const [file] = event.dataTransfer.files
    if (file && !here.request) send(here, file)
  }
}

function send(here, file) {
  if (!here.data.accept.split(",").some(end => file.name.toLowerCase().endsWith(end))) {
    failed(here, `${file.name}: choose a ${here.data.accept.replaceAll(",", " or ")} file.`)
    return
  }
  if (file.size > here.data.limit) {
    failed(here, `${file.name} has ${size(file.size)}; ${size(here.data.limit)} are allowed.`)
    return
  }
  here.setStateValue("sent", null)
  const request = new XMLHttpRequest()
  here.request = request
  request.open("POST", `${here.data.url}?name=${encodeURIComponent(file.name)}`)
  request.setRequestHeader("Content-Type", "application/octet-stream")
  request.upload.onprogress = event => progressed(here, file, event.loaded)
  request.onload = () => answered(here, request)
  request.onerror = () => ended(here, () => failed(here, "The connection broke. Send it again."))
  request.onabort = () => ended(here, () => idle(here))
  progressed(here, file, 0)
  request.send(file)
}

function answered(here, request) {
  let answer = {}
  try {
    answer = JSON.parse(request.responseText)
  } catch {
    answer.error = "The server's answer cannot be read. Send the file again."
  }
  ended(here, () => {
    if (request.status !== 200) {
      failed(here, answer.error ?? `The server answered ${request.status}.`)
      return
    }
    arrived(here, answer)
    here.setStateValue("sent", answer)
  })
}

function ended(here, then) {
  here.request = null
  then()
}

function idle(here) {
  show(here, "idle", HINT, "Choose a file")
}

function failed(here, reason) {
  show(here, "failed", reason, "Choose another file")
}

function arrived(here, sent) {
  show(here, "arrived", `${sent.name}, ${size(sent.bytes)}, has arrived.`, "Choose another file")
}

function progressed(here, file, loaded) {
  const share = file.size ? Math.min(loaded / file.size, 1) : 1
  show(here, "sending", `${file.name}: ${size(loaded)} of ${size(file.size)}`, "")
  here.parts.fill.style.width = `${100 * share}%`
  here.parts.bar.setAttribute("aria-valuenow", String(Math.round(100 * share)))
}

function show(here, state, text, choose) {
  const { box, line, stop, bar, choose: button } = here.parts
  const sending = state === "sending"
  box.dataset.state = state
  line.textContent = text
  button.hidden = sending
  if (choose) button.textContent = choose
  stop.hidden = !sending
  bar.hidden = !sending
}

function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"]
  let number = bytes
  let unit = 0
  while (number >= 1000 && unit < units.length - 1) {
    number /= 1000
    unit += 1
  }
  return `${unit && number < 100 ? number.toFixed(1) : Math.round(number)} ${units[unit]}`
}
