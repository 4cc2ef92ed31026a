/**
 * How large things are, roughly and cheaply: characters of text, and something for each field around it. What is
 * bounded by weight is bounded well below what the store and the wire can carry, so that a factor of three (characters
 * of three bytes) does no harm.
 */

/** Of a JSON value, in memory or as text. */
export const weightOf = (value: unknown): number => {
  if (typeof value === "string") return 24 + value.length
  if (typeof value !== "object" || value === null) return 8
  let weight = 32
  // Keys of an array are made as texts, which takes five times as long as its items.
  if (Array.isArray(value)) for (let n = 0; n < value.length; n++) weight += 8 + weightOf(value[n])
  else for (const key in value) weight += 8 + weightOf((value as Record<string, unknown>)[key])
  return weight
}

/** How many of the items, from `from` on, come to `most` together. One at least, when there is one. */
export const fitting = <A>(
  items: ReadonlyArray<A>,
  weigh: (item: A) => number,
  most: { readonly count: number; readonly weight: number },
  from = 0
): number => {
  let weight = 0
  let count = 0
  while (from + count < items.length && count < most.count) {
    weight += weigh(items[from + count]!)
    if (count > 0 && weight > most.weight) break
    count++
  }
  return count
}
