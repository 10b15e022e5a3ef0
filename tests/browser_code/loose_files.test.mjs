import assert from "node:assert/strict"
import { test } from "node:test"

import {
  called, chosen, dropped, endsIn, framed, namesNoType, titled, walked,
} from "../../sslapp/ui/components/projects/loose_files.js"

const loose = path => ({ path, file: new Blob([path]) })

/** A file or folder as a browser tells of what was dropped; folders come in pieces of two. */
function entry(fullPath, children) {
  if (!children) return { isDirectory: false, fullPath, file: resolve => resolve({ name: fullPath }) }
  const createReader = () => {
    const waiting = [...children]
    return { readEntries: resolve => resolve(waiting.splice(0, 2)) }
  }
  return { isDirectory: true, fullPath, createReader }
}

test("a body holds of each file the two lengths, the path and the content", async () => {
  const parts = framed([{ path: "a/ü.png", file: new Blob(["xyz"]) }, loose("b")])
  const body = Buffer.from(await new Blob(parts).arrayBuffer())
  assert.equal(body.readUInt32BE(0), 8)
  assert.equal(body.readBigUInt64BE(4), 3n)
  assert.equal(body.subarray(12, 23).toString(), "a/ü.pngxyz")
  assert.deepEqual([body.readUInt32BE(23), body.length], [1, 23 + 12 + 2])
})

test("folders are walked to their end, and files come in the order of their paths", async () => {
  const many = Array.from({ length: 5 }, (_, number) => entry(`/pets/cat/${number}.png`))
  const entries = [entry("/pets", [entry("/pets/cat", many), entry("/pets/a.png")])]
  const found = await walked({ entries, files: [] }, () => true)
  const cats = [0, 1, 2, 3, 4].map(number => `pets/cat/${number}.png`)
  assert.deepEqual(found.map(each => each.path), ["pets/a.png", ...cats])
})

test("a walk that is stopped ends", async () => {
  const entries = [entry("/pets", [entry("/pets/a.png"), entry("/pets/b.png")])]
  const found = await walked({ entries, files: [] }, count => count < 1)
  assert.equal(found.length, 1)
})

test("files without a folder are taken as the browser gives them", async () => {
  const files = [{ name: "b.png", webkitRelativePath: "" }, { name: "a.png", webkitRelativePath: "" }]
  const items = files.map(() => ({ webkitGetAsEntry: () => entry("/b.png") }))
  const found = await walked(dropped({ items, files }), () => true)
  assert.deepEqual(found.map(each => each.path), ["b.png", "a.png"])
  const [inFolder] = chosen([{ name: "b.png", webkitRelativePath: "pets/b.png" }])
  assert.equal(inFolder.path, "pets/b.png")
})

test("they are called by their folder, by their number, or as the only one is", () => {
  const inFolder = [loose("pets/cat/1.png"), loose("pets/2.png")]
  assert.deepEqual([called(inFolder), titled(inFolder)], ["pets", "pets (2 files)"])
  const many = Array.from({ length: 1234 }, (_, number) => loose(`${number % 2}/${number}.png`))
  assert.deepEqual([called(many), titled(many)], ["1,234 files", "1,234 files"])
  assert.deepEqual([called([loose("1.png")]), titled([loose("1.png")])], ["1.png", "1.png"])
  assert.equal(titled([loose("pets/1.png")]), "pets (1 file)")
})

test("endings are found whatever their case", () => {
  assert.ok(endsIn("A/B.PNG", [".zip", ".png"]))
  assert.ok(!endsIn("b.png.exe", [".png"]))
})

test("a name without a type is told from one with a type that is not known", () => {
  for (const name of ["CD/IM0001", "DICOMDIR", "IM.001", "1.2.840.113619.2"]) {
    assert.ok(namesNoType(name), name)
  }
  for (const name of ["a.txt", "set.d/a.exe", ".hidden", "1.2.html"]) {
    assert.ok(!namesNoType(name), name)
  }
})
