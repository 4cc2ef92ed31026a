/**
 * Approximate sizes, cheap to compute: characters of text, plus a constant per field. Limits by weight are set well
 * below what the store and the wire can carry, so that a factor of three (characters of three bytes) does no harm.
 */

/** Weight of a JSON value, as an object or as text. */
export const weightOf = (value: unknown): number => {
  if (typeof value === "string") return 24 + value.length
  if (typeof value !== "object" || value === null) return 8
  let weight = 32
  // `for in` over an array creates its keys as strings, which takes five times as long as visiting its items.
  if (Array.isArray(value)) for (let n = 0; n < value.length; n++) weight += 8 + weightOf(value[n])
  else for (const key in value) weight += 8 + weightOf((value as Record<string, unknown>)[key])
  return weight
}

/** Number of items, starting at `from`, that fit into `most` together: at least one when there is one. */
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
