/** Page tokens of lists. A token contains the name of its list, so that a token of another list is detected. */
import { Effect } from "effect"
import type { Page } from "../../ports/Reads.ts"
import { InvalidInput } from "../../schema/Errors.ts"

export const badToken = new InvalidInput({
  message: "the query is not as documented: see after",
  faults: [{ path: "after", expected: "`next` of the page before, as it was given" }]
})

const id = "[A-Za-z0-9][A-Za-z0-9._-]{0,127}"

const shapes = {
  sessions: new RegExp(`^${id}/${id}$`, "u"),
  lanes: new RegExp(`^${id}/${id}$`, "u"),
  tenants: new RegExp(`^${id}$`, "u"),
  instances: new RegExp(`^${id}/${id}$`, "u"),
  keys: /^[a-z0-9]{8,32}$/u,
  messages: /^[1-9]\d{0,15}$/u
}

export type List = keyof typeof shapes

/** The place that a list's own reader finds in the token; undefined for the first page. */
export const placeBy = <P>(
  read: (token: string) => P | undefined,
  token: string | undefined
): Effect.Effect<P | undefined, InvalidInput> => {
  if (token === undefined) return Effect.undefined
  const place = read(token)
  return place === undefined ? Effect.fail(badToken) : Effect.succeed(place)
}

/** The place that the token names; undefined for the first page. */
export const placeOf = (list: List, token: string | undefined): Effect.Effect<string | undefined, InvalidInput> =>
  placeBy((given) => {
    const place = given.startsWith(`${list}~`) ? given.slice(list.length + 1) : ""
    return shapes[list].test(place) ? place : undefined
  }, token)

/** Converts the page's `next` to a token. */
export const withToken = <A>(list: List, { next, ...page }: Page<A>): Page<A> =>
  next === undefined ? page : { ...page, next: `${list}~${next}` }
