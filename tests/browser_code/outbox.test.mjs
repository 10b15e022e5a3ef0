import assert from "node:assert/strict"
import { test } from "node:test"

import { makeOutbox, randomName } from "../../sslapp/ui/components/common/outbox.js"
import { openPage, settled } from "./page.mjs"

const KEY = "sslapp-label-w-1-2"
const ALL = seqs => ({
  acked: seqs.map(seq => ({ seq, number: 100 + seq })), refused: [], conflicts: [],
})
const label = position => ({ kind: "label", position, image: `h${position}`, class_id: 1 })

function opened(context, options = {}) {
  const page = openPage(context)
  const receipts = []
  const states = []
  const outbox = makeOutbox({
    key: KEY,
    url: "/decisions",
    onReceipt: answer => receipts.push(answer),
    onState: state => states.push(state),
    ...options,
  })
  return { ...page, page, outbox, receipts, states }
}

const seqs = request => request.body.items.map(each => each.seq)
const client = key => key.split(":")[0]

test("what is added is written down, sent in order, and gone once it is answered", async context => {
  const { outbox, server, pass, receipts, stored } = opened(context)
  const keys = [outbox.add(label(7)), outbox.add(label(8))]
  assert.deepEqual(outbox.unsent().map(each => each.key), keys)
  await settled()
  assert.deepEqual(stored(KEY).items.map(each => each.item.position), [7, 8])
  await pass(0)
  const sent = server.requests[0]
  assert.deepEqual(seqs(sent), [1, 2])
  assert.equal(sent.body.client, client(keys[0]))
  assert.equal(sent.options.method, "POST")
  await server.answer(ALL([1, 2]))
  assert.deepEqual(outbox.state(), { unsent: 0, away: false, trouble: "" })
  assert.deepEqual(stored(KEY).items, [])
  assert.deepEqual(receipts.map(each => each.client), [client(keys[0])])
})

test("one request is on its way at a time", async context => {
  const { outbox, server, pass } = opened(context)
  outbox.add(label(1))
  await settled()
  await pass(0)
  outbox.add(label(2))
  await settled()
  await pass(0)
  assert.equal(server.requests.length, 1)
  await server.answer(ALL([1]))
  await pass(0)
  assert.deepEqual(seqs(server.requests[0]), [2])
})

test("while the server is away it is asked again, less and less often", async context => {
  const { outbox, server, pass } = opened(context)
  outbox.add(label(1))
  await settled()
  await pass(0)
  await server.lose()
  assert.deepEqual(outbox.state(), { unsent: 1, away: true, trouble: "" })
  for (const wait of [300, 600, 1200, 2500, 5000, 5000]) {
    await pass(wait - 1)
    assert.equal(server.requests.length, 0)
    await pass(1)
    assert.deepEqual(seqs(server.requests[0]), [1])
    await server.lose()
  }
  await pass(5000)
  await server.answer(ALL([1]))
  assert.deepEqual(outbox.state(), { unsent: 0, away: false, trouble: "" })
})

test("what the server says is passed on, and nothing is lost by it", async context => {
  const { outbox, server, pass } = opened(context)
  outbox.add(label(1))
  await settled()
  await pass(0)
  await server.answer({ error: "You are no reader of this project." }, 403)
  assert.equal(outbox.state().trouble, "You are no reader of this project.")
  assert.equal(outbox.state().unsent, 1)
  await pass(300)
  await server.answer({ error: "fault" }, 500)
  assert.equal(outbox.state().trouble, "")
  await pass(600)
  await server.answer({ error: "The disk is full." }, 507)
  assert.equal(outbox.state().trouble, "The disk is full.")
  await pass(1200)
  await server.answer(ALL([]))
  assert.equal(outbox.state().trouble, "The server answered for none of the decisions.")
})

test("a refused decision is gone, and named until a later one is stored", async context => {
  const { outbox, server, pass, receipts, stored } = opened(context)
  for (const position of [1, 2]) outbox.add(label(position))
  await settled()
  await pass(0)
  await server.answer({ ...ALL([1]), refused: [{ seq: 2, reason: "held" }] })
  assert.equal(outbox.state().unsent, 0)
  assert.deepEqual(receipts[0].refused, [{ seq: 2, reason: "held" }])
  const key = outbox.add(label(3))
  assert.deepEqual(stored(KEY).refused, { [client(key)]: [2] })
  await settled()
  await pass(0)
  assert.deepEqual(server.requests[0].body.refused, [2])
  await server.answer(ALL([3]))
  outbox.add(label(4))
  await settled()
  await pass(0)
  assert.deepEqual(server.requests[0].body.refused, [])
})

test("what an earlier load left goes first, under its own names", async context => {
  const page = openPage(context)
  const left = { client: "earlier", item: { ...label(5), seq: 9 } }
  page.storage.setItem(KEY, JSON.stringify({ items: [left], refused: { earlier: [8] } }))
  const outbox = makeOutbox({ key: KEY, url: "/decisions" })
  outbox.add(label(6))
  await settled()
  await page.pass(0)
  const first = await page.server.answer(ALL([9]))
  assert.equal(first.body.client, "earlier")
  assert.deepEqual([seqs(first), first.body.refused], [[9], [8]])
  await page.pass(0)
  assert.deepEqual(seqs(page.server.requests[0]), [1])
})

test("it is one outbox on a page, and goes on sending when nobody listens", async context => {
  const { outbox, server, pass, receipts } = opened(context)
  outbox.add(label(1))
  await settled()
  outbox.detach()
  await pass(0)
  await server.answer(ALL([1]))
  assert.deepEqual(receipts, [])
  assert.equal(makeOutbox({ key: KEY, url: "/decisions" }), outbox)
  assert.notEqual(makeOutbox({ key: `${KEY}3`, url: "/decisions" }), outbox)
})

test("a page that goes sends what it has, once more", async context => {
  const { outbox, server, window } = opened(context)
  outbox.add(label(1))
  await settled()
  window.dispatchEvent(new Event("pagehide"))
  assert.deepEqual(seqs(server.requests[0]), [1])
  assert.equal(server.requests[0].options.keepalive, true)
})

test("unsaved work is asked about before it is left, while the server is away", async context => {
  const { outbox, server, window, pass } = opened(context)
  const leave = () => {
    const event = new Event("beforeunload", { cancelable: true })
    window.dispatchEvent(event)
    return event.defaultPrevented
  }
  outbox.add(label(1))
  await settled()
  await pass(0)
  assert.equal(leave(), false)
  await server.lose()
  assert.equal(leave(), true)
})

test("a full storage is told", async context => {
  const { outbox, storage } = opened(context)
  storage.full = true
  outbox.add(label(1))
  await settled()
  assert.match(outbox.state().trouble, /its storage is full/)
})

test("a halted page says why until a decision is stored", async context => {
  const { outbox, server, pass, states } = opened(context)
  outbox.halt("Another workspace is open.")
  assert.equal(outbox.state().trouble, "Another workspace is open.")
  const told = states.length
  outbox.halt("Another workspace is open.")
  assert.equal(states.length, told)
  outbox.add(label(1))
  await settled()
  await pass(0)
  await server.answer(ALL([1]))
  assert.equal(outbox.state().trouble, "")
})

test("further fields go with every request", async context => {
  const { outbox, server, pass } = opened(context, { extra: () => ({ queue: [3, 4] }) })
  outbox.add(label(1))
  await settled()
  await pass(0)
  assert.deepEqual(server.requests[0].body.queue, [3, 4])
})

test("a name is drawn anew each time, in pages without https too", () => {
  assert.notEqual(randomName(), randomName())
  Object.defineProperty(crypto, "randomUUID", { value: undefined, configurable: true })
  assert.match(randomName(), /^[0-9a-f]{32}$/)
  delete crypto.randomUUID
})
