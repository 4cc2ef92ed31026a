/**
 * Delta debugging: leaves out ever smaller parts of the list and returns the shortest list found that still fails.
 * `fails` is called at most `tries` times, so the result is short but not always minimal.
 */
export const shrink = async <A>(
  faults: ReadonlyArray<A>,
  fails: (faults: ReadonlyArray<A>) => Promise<boolean>,
  tries: number
): Promise<ReadonlyArray<A>> => {
  let current = faults
  let left = tries
  let parts = 2
  if (left-- > 0 && (await fails([]))) return []
  while (current.length >= 2 && left > 0) {
    const size = Math.ceil(current.length / parts)
    let shorter: ReadonlyArray<A> | undefined
    for (let from = 0; from < current.length && left > 0; from += size) {
      const rest = [...current.slice(0, from), ...current.slice(from + size)]
      left--
      if (rest.length > 0 && (await fails(rest))) {
        shorter = rest
        break
      }
    }
    if (shorter !== undefined) {
      current = shorter
      parts = Math.max(parts - 1, 2)
    } else if (parts >= current.length) return current
    else parts = Math.min(parts * 2, current.length)
  }
  return current
}
