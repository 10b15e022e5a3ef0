// What the server says about one image, and where it hands out its pictures.

import { inspectionAddress } from "../common/evidence.js"

export const imageAddress = (desk, { p, image }) => `${desk.data.base}/images/${p}/${image}`

export const thumbAddress = (desk, position, image) => `${desk.data.base}/thumbs/${position}/${image}`

/** What the server says about one image, as a promise; asked once until the page runs again. */
export function inspection(desk, position) {
  if (!desk.inspections.has(position)) {
    desk.inspections.set(
      position,
      fetch(inspectionAddress(desk.data, position)).then(async answer => {
        const content = await answer.json()
        if (answer.ok) return content
        if (content.stop) desk.outbox.halt(content.error)
        throw new Error(content.error ?? `The server answers ${answer.status}.`)
      }),
    )
  }
  return desk.inspections.get(position)
}
