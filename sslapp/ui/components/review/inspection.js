// What the server says about one image, and where it hands out its pictures.

export const imageAddress = (desk, { p, image }) => `${desk.data.base}/images/${p}/${image}`

export const thumbAddress = (desk, position, image) => `${desk.data.base}/thumbs/${position}/${image}`

/** Where the server says what a round makes of an image, and what lies near it in a space. */
export function inspectionAddress({ base, round, space }, position) {
  const asked = space ? `?space=${space}` : ""
  const place = round === null ? "inspection" : `rounds/${round}/images`
  return `${base}/${place}/${position}${asked}`
}

/** In whose features the evidence is near. */
export const nearTo = ({ space }) => (space === "round" ? "to this round" : "to the encoder")

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
