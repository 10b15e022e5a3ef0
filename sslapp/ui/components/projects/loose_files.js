// Many files as one body: which a person dropped or chose, and how they follow one another in it.

const HEAD = 12

/**
 * @typedef {object} Loose
 * @property {string} path below what was chosen, with its folder, as in "pets/cat/1.png"
 * @property {File} file
 */

/**
 * The files of an input, which knows their folder if one was chosen.
 *
 * @param {Iterable<File>} files
 * @returns {Loose[]}
 */
export function chosen(files) {
  return [...files].map(file => ({ path: file.webkitRelativePath || file.name, file }))
}

/**
 * What was dropped: to be called while the event is, for its items are gone afterwards.
 *
 * @param {DataTransfer} transfer
 * @returns {{ entries: FileSystemEntry[], files: File[] }}
 */
export function dropped(transfer) {
  const entries = [...(transfer.items ?? [])].map(item => item.webkitGetAsEntry?.()).filter(Boolean)
  return { entries, files: [...transfer.files] }
}

/**
 * All files of what was dropped, folders walked, in the order of their paths.
 *
 * @param {{ entries: FileSystemEntry[], files: File[] }} transfer from `dropped`
 * @param {(count: number) => boolean} goOn is told how many were found; false ends the walk
 * @returns {Promise<Loose[]>}
 */
export async function walked({ entries, files }, goOn) {
  if (!entries.some(entry => entry.isDirectory)) return chosen(files)
  const found = []
  const waiting = [...entries]
  while (waiting.length && goOn(found.length)) {
    const entry = waiting.pop()
    if (entry.isDirectory) waiting.push(...(await children(entry)))
    else found.push({ path: entry.fullPath.replace(/^\/+/, ""), file: await content(entry) })
  }
  return found.sort((one, other) => (one.path < other.path ? -1 : Number(one.path > other.path)))
}

/**
 * The parts of a body: of each file the lengths of path and content, the path and the content.
 *
 * The contents stay on the disk until they are sent.
 *
 * @param {Loose[]} files
 * @returns {(Uint8Array | File)[]}
 */
export function framed(files) {
  const text = new TextEncoder()
  return files.flatMap(({ path, file }) => {
    const name = text.encode(path)
    const head = new Uint8Array(HEAD + name.length)
    const numbers = new DataView(head.buffer)
    numbers.setUint32(0, name.length)
    numbers.setBigUint64(4, BigInt(file.size))
    head.set(name, HEAD)
    return [head, file]
  })
}

/**
 * What files are called together: their folder, how many they are, or the only one's name.
 *
 * @param {Loose[]} files
 * @returns {string}
 */
export function called(files) {
  return folderOf(files) || (files.length === 1 ? files[0].path : numberOf(files))
}

/**
 * What a person reads of them: the same, and of a folder how many there are in it.
 *
 * @param {Loose[]} files
 * @returns {string}
 */
export function titled(files) {
  const folder = folderOf(files)
  return folder ? `${folder} (${numberOf(files)})` : called(files)
}

/**
 * Whether a name ends in one of the endings, whatever its case.
 *
 * @param {string} name
 * @param {string[]} endings
 * @returns {boolean}
 */
export function endsIn(name, endings) {
  const small = name.toLowerCase()
  return endings.some(ending => small.endsWith(ending))
}

/**
 * Whether a name has no ending, or only numbers behind its last point, as in "IM.001".
 *
 * @param {string} path
 * @returns {boolean}
 */
export function namesNoType(path) {
  return /^[^.]+(\.\d+)*$/.test(path.split("/").at(-1))
}

async function children(folder) {
  const reader = folder.createReader()
  const found = []
  for (;;) {
    // a browser gives a hundred at a time, and none when there are no more
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))
    if (!some.length) return found
    found.push(...some)
  }
}

function content(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject))
}

/** The folder that holds them all, or "". */
function folderOf(files) {
  const [top] = files[0].path.split("/")
  return files.every(({ path }) => path.startsWith(`${top}/`)) ? top : ""
}

function numberOf(files) {
  return files.length === 1 ? "1 file" : `${files.length.toLocaleString("en")} files`
}
