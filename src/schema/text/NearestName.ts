/** Finds the known name that was probably meant by a misspelled one. */

/** Number of insertions, deletions and replacements that turn one text into the other (Levenshtein distance). */
const distance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[to.length]!
}

/**
 * Undefined when no name is near: the distance may be at most a third of the name's length, or two characters if that
 * is more.
 */
export const nearest = (name: string, known: Iterable<string>): string | undefined => {
  const candidates = [...known].map((candidate) => ({ candidate, far: distance(name, candidate) }))
  const best = candidates.toSorted((left, right) => left.far - right.far)[0]
  return best !== undefined && best.far <= Math.max(2, Math.floor(name.length / 3)) ? best.candidate : undefined
}
