// Sends one file, or many as one body, to the server's route for uploads and tells the page when
// they have arrived.
//
// fetch() tells nothing of how far a body has got, so this is an XMLHttpRequest. The files themselves
// are handed to it whole: the browser reads them from the disk as it sends.

import { mounted } from "../common/mounting.js"
import { called, chosen, dropped, endsIn, framed, namesNoType, titled, walked } from "./loose_files.js"

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
    chooseFolder: find(".folder"),
    line: find(".line"),
    stop: find(".stop"),
    bar: find(".bar"),
    fill: find(".fill"),
  }
}

function listen(here) {
  const { box, input, choose, chooseFolder, stop } = here.parts
  const ask = folder => {
    input.webkitdirectory = folder
    input.click()
  }
  input.accept = [...here.data.accept, ...here.data.pictures].join(",")
  input.multiple = takesMany(here)
  choose.onclick = () => ask(false)
  chooseFolder.onclick = () => ask(true)
  choose.disabled = chooseFolder.disabled = false // from here on somebody listens
  input.onchange = () => {
    const files = chosen(input.files)
    input.value = "" // so that the same file can be chosen again
    take(here, files)
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
    if (!here.request) takeDropped(here, dropped(event.dataTransfer))
  }
}

function takesMany(here) {
  return here.data.pictures.length > 0
}

async function takeDropped(here, transfer) {
  let goesOn = true
  here.request = { abort: () => (goesOn = false) }
  let files = []
  let why = ""
  try {
    files = await walked(transfer, count => {
      show(here, "listing", `${count.toLocaleString("en")} files found`, "")
      return goesOn
    })
  } catch {
    why = "The folder cannot be read. Look whether a file in it was moved, and drop it again."
  }
  here.request = null
  if (why) failed(here, why)
  else if (goesOn) take(here, files)
  else idle(here)
}

/** Sends what was chosen or dropped, or says why not. */
function take(here, files) {
  if (!files.length) {
    if (here.parts.box.dataset.state !== "arrived") idle(here)
    return
  }
  const { accept } = here.data
  const [{ path, file }] = files
  if (files.length === 1 && endsIn(path, accept)) {
    send(here, { name: file.name, title: file.name, size: file.size, body: file })
  } else if (files.some(each => mayBePicture(here, each.path))) {
    send(here, {
      name: called(files),
      title: titled(files),
      size: files.reduce((sum, each) => sum + each.file.size, 0),
      body: new Blob(framed(files)),
      query: "&files=many",
    })
  } else {
    const also = takesMany(here) ? ", pictures, or a folder of them" : ""
    failed(here, `${called(files)}: choose a ${accept.join(" or ")} file${also}.`)
  }
}

/** Whether a file may be among those that are sent as many: DICOM files often have no ending. */
function mayBePicture(here, path) {
  return endsIn(path, here.data.pictures) || (takesMany(here) && namesNoType(path))
}

/** Sends a body: {name, title, size, body, query}; `title` is what a person reads. */
function send(here, sending) {
  if (sending.size > here.data.limit) {
    const allowed = size(here.data.limit)
    failed(here, `${sending.title} has ${size(sending.size)}; ${allowed} are allowed.`)
    return
  }
  here.setStateValue("sent", null)
  const request = new XMLHttpRequest()
  here.request = request
  const query = `?name=${encodeURIComponent(sending.name)}${sending.query ?? ""}`
  request.open("POST", here.data.url + query)
  request.setRequestHeader("Content-Type", "application/octet-stream")
  request.upload.onprogress = event => progressed(here, sending, event.loaded)
  request.onload = () => answered(here, request)
  request.onerror = () => ended(here, () => failed(here, "The connection broke. Send it again."))
  request.onabort = () => ended(here, () => idle(here))
  progressed(here, sending, 0)
  request.send(sending.body)
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

function progressed(here, sending, loaded) {
  const there = Math.min(loaded, sending.size) // the files' names come on top
  const share = sending.size ? there / sending.size : 1
  show(here, "sending", `${sending.title}: ${size(there)} of ${size(sending.size)}`, "")
  here.parts.fill.style.width = `${100 * share}%`
  here.parts.bar.setAttribute("aria-valuenow", String(Math.round(100 * share)))
}

function show(here, state, text, choose) {
  const { box, line, stop, bar, choose: button, chooseFolder } = here.parts
  const busy = state === "sending" || state === "listing"
  box.dataset.state = state
  line.textContent = text
  button.hidden = busy
  chooseFolder.hidden = busy || !takesMany(here)
  if (choose) button.textContent = takesMany(here) ? choose.replace("a file", "files") : choose
  stop.hidden = !busy
  bar.hidden = state !== "sending"
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
