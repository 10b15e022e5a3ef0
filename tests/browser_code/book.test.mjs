import assert from "node:assert/strict"
import { test } from "node:test"

import { makeOutbox } from "../../sslapp/ui/components/common/outbox.js"
import { makeBook } from "../../sslapp/ui/components/label/book.js"
import { openPage, settled } from "./page.mjs"

const NAME = "sslapp-label-w-1-2-book"
const item = position => ({ position, image: `h${position}`, reason: "", strategy: "auto" })
const items = (...positions) => positions.map(item)
const positions = images => images.map(each => each.position)
const PROGRESS = { per_class: { 1: 4 }, images: 50, labelled: 4 }
const OFFER = { items: [], note: "", gone: [], images: {}, progress: PROGRESS }

// A book with these images in hand; the server has not been asked for more yet.
async function opened(context, { queue = items(1, 2, 3), history = [], ...stored } = {}) {
  const page = openPage(context)
  page.storage.setItem(NAME, JSON.stringify({ queue, history, ...stored }))
  const outbox = makeOutbox({
    key: "outbox", url: "/decisions", onReceipt: answer => reading.receive(answer),
  })
  const reading = makeBook({ name: NAME, base: "", outbox, onChange: () => {} })
  // answers the oldest request to an address, whatever else is on its way
  const find = (url, method) => page.server.requests.findIndex(
    each => each.url.split("?")[0] === url && (each.options.method ?? "GET") === method,
  )
  const answer = async (method, url, content) => {
    const at = find(url, method)
    assert.notEqual(at, -1, `nothing asked: ${method} ${url}`)
    page.server.requests.unshift(...page.server.requests.splice(at, 1))
    return page.server.answer(content)
  }
  const save = async ({ refused = [], gone = [] } = {}) => {
    await page.pass(0)
    const { items: sent } = page.server.requests[find("/decisions", "POST")].body
    const kept = sent.filter(each => !refused.includes(each.seq))
    await answer("POST", "/decisions", {
      acked: kept.map(({ seq }) => ({ seq, number: 100 + seq })),
      refused: refused.map(seq => ({ seq, reason: `no ${seq}` })),
      conflicts: [],
      progress: PROGRESS,
      gone,
    })
  }
  return { page, outbox, reading, book: reading.book, answer, save }
}

const label = class_id => ({ kind: "label", class_id, image: "h" })

test("a decision is about the image in front and turns to the next", async context => {
  const { reading, book, outbox, page } = await opened(context)
  reading.decide(label(1))
  assert.deepEqual(positions(book.queue), [2, 3])
  assert.deepEqual(positions(book.history), [1])
  assert.equal(outbox.unsent()[0].position, 1)
  assert.equal(outbox.unsent()[0].strategy, "auto")
  await settled()
  assert.deepEqual(positions(page.stored(NAME).queue), [2, 3])
})

test("a flag leaves its image in front", async context => {
  const { reading, book } = await opened(context)
  reading.decide({ kind: "flag", image: "h" })
  assert.deepEqual(positions(book.queue), [1, 2, 3])
  assert.deepEqual(positions(book.history), [1])
})

test("taking back goes backwards, and each image comes to the front again", async context => {
  const { reading, book, outbox } = await opened(context)
  reading.decide(label(1))
  reading.decide(label(2))
  const keys = book.history.map(each => each.key)
  assert.equal(reading.undo(5).position, 2)
  assert.deepEqual(positions(book.queue), [2, 3])
  assert.equal(reading.undo(6).position, 1)
  assert.deepEqual(positions(book.queue), [1, 2, 3])
  assert.deepEqual(outbox.unsent().slice(2).map(each => [each.kind, each.of]), [
    ["undo", keys[1]], ["undo", keys[0]],
  ])
  assert.deepEqual(book.history, [])
  assert.equal(reading.undo(7), null)
})

test("one decision of several can be taken back by its key, once", async context => {
  const { reading, book } = await opened(context)
  reading.decide(label(1))
  reading.decide(label(2))
  const [{ key }] = book.history
  assert.equal(reading.undo(5, key).position, 1)
  assert.deepEqual(positions(book.history), [2])
  assert.deepEqual(positions(book.queue), [1, 3])
  assert.equal(reading.undo(6, key), null)
})

test("counts are the server's with what it has not answered for", async context => {
  const { reading, save } = await opened(context, { progress: PROGRESS })
  assert.equal(reading.count(1), 4)
  reading.decide(label(1))
  reading.decide(label(1))
  assert.equal(reading.count(1), 6)
  reading.undo(5)
  assert.equal(reading.count(1), 5)
  await save()
  assert.equal(reading.count(1), 4) // what the server answered counts it already
})

test("a refused decision leaves the history and is told", async context => {
  const { reading, book, save } = await opened(context)
  reading.decide(label(1))
  reading.decide(label(2))
  await save({ refused: [1] })
  assert.deepEqual(positions(book.history), [2])
  assert.equal(book.history[0].number, 102)
  assert.deepEqual(book.notices, [{ position: 1, text: "no 1" }])
})

test("an answer never changes the image in front", async context => {
  const { reading, book, answer, save } = await opened(context)
  reading.decide(label(1))
  await answer("POST", "/queue", { ...OFFER, items: items(2, 4), images: { 2: "x", 3: "y" } })
  assert.deepEqual(book.queue.map(each => each.image), ["h2", "y", "h4"])
  await save({ gone: [2, 3] })
  assert.deepEqual(positions(book.queue), [2, 4])
})

test("who comes back to the page gets another image when theirs is gone", async context => {
  const { reading, book, answer } = await opened(context)
  reading.open()
  await answer("POST", "/queue", { ...OFFER, items: items(4), gone: [1], images: { 2: "x" } })
  assert.deepEqual(positions(book.queue), [2, 3, 4])
  assert.equal(book.queue[0].image, "x")
})

test("without the server the queue is asked for again, and a reason is told", async context => {
  const { reading, book, page } = await opened(context)
  reading.open()
  await page.server.lose()
  assert.deepEqual([book.away, book.trouble], [true, ""])
  page.server.requests.length = 0
  await page.pass(999)
  assert.equal(page.server.requests.length, 0)
  await page.pass(1)
  await page.server.answer({ error: "Another workspace.", stop: true }, 409)
  assert.equal(book.trouble, "Another workspace.")
})

test("what is decided but not stored is not asked for again", async context => {
  const { reading, page } = await opened(context)
  reading.decide(label(1))
  const { body } = page.server.requests.find(each => each.url === "/queue")
  assert.deepEqual(body.have, [2, 3, 1])
})

test("older decisions come from the server, without what is taken back", async context => {
  const { reading, book, answer } = await opened(context)
  reading.decide(label(1))
  const [{ key }] = book.history
  reading.undo(5) // little is left to take back: the server is asked for older ones
  const mine = { key, kind: "label", class_id: 1, position: 1, image: "h1", number: 9 }
  const older = { ...mine, key: "earlier:1", position: 7, image: "h7", number: 8 }
  await answer("GET", "/decisions", { decided: [mine, older] })
  assert.deepEqual(positions(book.history), [7])
  assert.equal(reading.undo(6).position, 7)
  assert.equal(book.queue[0].image, "h7")
})

test("what another window took back leaves the history", async context => {
  const known = [1, 2, 3].map(number => ({
    ...{ key: `earlier:${number}`, kind: "label", class_id: 1, position: number, image: "h" },
    number,
  }))
  const { reading, book, answer } = await opened(context, { history: known })
  reading.open()
  await answer("GET", "/decisions", { decided: [known[2], known[0]] })
  assert.deepEqual(positions(book.history), [1, 3])
})

test("a book that is closed lets go of its images and asks for no more", async context => {
  const { reading, page } = await opened(context)
  reading.close()
  assert.deepEqual(page.server.requests.map(each => each.url), ["/queue/release"])
  reading.open()
  await page.pass(10000)
  assert.ok(!page.server.requests.some(each => each.url === "/queue"))
})

test("a reload goes on at the same image", async context => {
  const { reading, page } = await opened(context)
  reading.decide(label(1))
  await settled()
  const outbox = makeOutbox({ key: "outbox", url: "/decisions" })
  const again = makeBook({ name: NAME, base: "", outbox, onChange: () => {} })
  assert.deepEqual(positions(again.book.queue), [2, 3])
  assert.deepEqual(positions(again.book.history), [1])
  assert.equal(page.stored(NAME).strategy, "auto")
})
