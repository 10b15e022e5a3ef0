// What a page keeps as JSON: in its tab's sessionStorage, or in the browser for the visits to come.

/**
 * What is kept under a name in the tab; the fallback for nothing, for what cannot be read, and in a browser
 * that keeps nothing.
 *
 * @template T
 * @param {string} name
 * @param {T} fallback
 * @returns {T}
 */
export function readStored(name, fallback) {
  return read(() => sessionStorage, name, fallback)
}

/** Keeps a value under a name in the tab; returns whether the storage took it: it may be full. */
export function writeStored(name, value) {
  return write(() => sessionStorage, name, value)
}

/** The same, of what the browser keeps. @template T @param {string} name @param {T} fallback @returns {T} */
export function readKept(name, fallback) {
  return read(() => localStorage, name, fallback)
}

/** Keeps a value under a name in the browser; returns whether the storage took it. */
export function writeKept(name, value) {
  return write(() => localStorage, name, value)
}

// a browser that keeps nothing refuses the storage itself
function read(storage, name, fallback) {
  try {
    return JSON.parse(storage().getItem(name)) ?? fallback
  } catch {
    return fallback
  }
}

function write(storage, name, value) {
  try {
    storage().setItem(name, JSON.stringify(value))
    return true
  } catch {
    return false
  }
}
