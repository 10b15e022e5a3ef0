// What speaks for or against a prediction: where the server says it, and in whose features.

/** Where the server says what a round makes of an image, and what lies near it in a space. */
export function inspectionAddress({ base, round, space }, position) {
  const asked = space ? `?space=${space}` : ""
  const place = round === null ? "inspection" : `rounds/${round}/images`
  return `${base}/${place}/${position}${asked}`
}

/** In whose features the evidence is near. */
export const nearTo = ({ space }) => (space === "round" ? "to this round" : "to the encoder")
