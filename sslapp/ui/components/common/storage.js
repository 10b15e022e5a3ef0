// What a page keeps in its tab's sessionStorage, as JSON.

/**
 * What is kept under a name; the fallback for nothing, for what cannot be read, and in a browser
 * that keeps nothing.
 *
 * @template T
 * @param {string} name
 * @param {T} fallback
 * @returns {T}
 */
export function readStored(name, fallback) {
  try {
    return JSON.parse(sessionStorage.getItem(name)) ?? fallback
  } catch {
    return fallback
  }
}

/** Keeps a value under a name; returns whether the storage took it: it may be full. */
export function writeStored(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value))
    return true
  } catch {
    return false
  }
}
