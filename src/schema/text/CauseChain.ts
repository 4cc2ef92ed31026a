/** An error and what it was caused by: libraries wrap errors in errors, each under a name of its own. */

interface Wrapper {
  readonly reason?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
}

/** A chain may be a circle. */
const deepest = 12

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** Outermost first. `Link`: what the caller looks for in them; nothing of it is sure to be there. */
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
