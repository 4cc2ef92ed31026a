/** An error and its causes. Libraries wrap errors in other errors and name the inner error differently. */

interface Wrapper {
  readonly reason?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
}

/** Bounds the walk, because a chain may be cyclic. */
const deepest = 12

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** The errors, outermost first. `Link` lists the fields that the caller looks for; each of them may be absent. */
export const causeChain = <Link extends object>(error: unknown): ReadonlyArray<Partial<Link>> => {
  const links: Array<Partial<Link>> = []
  let at: unknown = error
  while (isObject(at) && links.length < deepest) {
    links.push(at)
    const { cause, errors, reason }: Wrapper = at
    at = isObject(reason) ? reason : (cause ?? (Array.isArray(errors) ? errors[0] : undefined))
  }
  return links
}
