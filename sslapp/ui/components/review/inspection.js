// What the server says about one image, and where it hands out its pictures.

export const imageAddress = (desk, { p, image }) => `${desk.data.base}/images/${p}/${image}`

export const thumbAddress = (desk, position, image) => `${desk.data.base}/thumbs/${position}/${image}`

// what the server says about one image; asked once until the page runs again
export function inspection(desk, position) {
  const { base, round } = desk.data
  if (!desk.inspections.has(position)) {
    desk.inspections.set(
      position,
      fetch(`${base}/rounds/${round}/images/${position}`).then(async answer => {
        const said = await answer.json()
        if (answer.ok) return said
        if (said.stop) desk.outbox.halt(said.error)
        throw new Error(said.error ?? `The server answers ${answer.status}.`)
      }),
    )
  }
  return desk.inspections.get(position)
}
