import assert from "node:assert/strict"
import { test } from "node:test"

import { clipped, merged, spanned } from "../../sslapp/ui/components/projects/rectangles.js"

const SIZE = { width: 100, height: 50 }

test("a stroke spans the pixels that it touches, whichever way it was drawn", () => {
  const there = spanned({ from: [10.6, 5.2], to: [30.1, 7.9] }, SIZE)
  assert.deepEqual(there, [10, 5, 21, 3])
  assert.deepEqual(spanned({ from: [30.1, 7.9], to: [10.6, 5.2] }, SIZE), there)
})

test("what lies beside the picture is left out", () => {
  assert.deepEqual(spanned({ from: [-20, -3], to: [500, 500] }, SIZE), [0, 0, 100, 50])
  assert.deepEqual(clipped([90, 40, 50, 50], SIZE), [90, 40, 10, 10])
})

test("a rectangle has a pixel and whole numbers", () => {
  assert.deepEqual(clipped([200, -4, 0, -7], SIZE), [99, 0, 1, 1])
  assert.deepEqual(clipped([1.7, 2.2, 3.9, 4.1], SIZE), [1, 2, 3, 4])
})

test("nearly the same rectangles become one around both, and others stay", () => {
  const line = [10, 5, 80, 10]
  assert.deepEqual(merged([line, [0, 0, 100, 40], [12, 4, 80, 10], [60, 30, 20, 8]]), [
    [10, 4, 82, 11], [0, 0, 100, 40], [60, 30, 20, 8],
  ])
  assert.deepEqual(merged([]), [])
})
