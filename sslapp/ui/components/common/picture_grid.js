// A grid of small pictures, each a link to its image at full size. Drawn anew on every change of
// the data; text goes in by textContent alone.

function tile(picture) {
  const item = document.createElement("li")
  const link = document.createElement("a")
  link.href = picture.address
  link.target = "_blank"
  link.rel = "noopener"
  const image = document.createElement("img")
  image.src = picture.source
  image.alt = picture.name
  image.title = picture.name
  const line = document.createElement("span")
  line.textContent = picture.line
  link.append(image, line)
  item.append(link)
  return item
}

export default function ({ data, parentElement }) {
  const list = parentElement.querySelector(".pictures")
  list.replaceChildren(...data.pictures.map(tile))
}
