// A grid of small pictures, each a link to its image at full size. Drawn anew on every change of
// the data.

import { element, textElement } from "./elements.js"

function tile({ address, source, name, line }) {
  const item = element("li")
  const link = element("a", "", { href: address, target: "_blank", rel: "noopener" })
  const image = element("img", "", { src: source, alt: name, title: name })
  link.append(image, textElement("span", "", line))
  item.append(link)
  return item
}

export default function ({ data, parentElement }) {
  const list = parentElement.querySelector(".pictures")
  list.replaceChildren(...data.pictures.map(tile))
}
