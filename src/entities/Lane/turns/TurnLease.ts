/**
 * The turns of sessions that a lane asks for and holds, one at a time of each session. A task that names a session
 * runs on such a turn only: at the instance where the session lives, and with nothing else of the session beside it.
 * The turn is spent on the first of the lane's tasks for that session, and returned with the end of the attempt. Pure.
 */
import { HashMap, Option, Schema } from "effect"

export const TurnLease = Schema.Struct({
  /** Numbers this ask among all of the lane. */
  ask: Schema.Int,
  /** `asked`: not answered. `held`: an attempt runs on the turn. `denied`: not to be asked for before `at`. */
  step: Schema.Literals(["asked", "held", "denied"]),
  /** Unix milliseconds: when it was asked for last, or when a denied one may be asked for again. */
  at: Schema.Finite,
  timeoutMillis: Schema.Int,
  /** Why it was denied. */
  reason: Schema.optionalKey(Schema.String)
})
export type TurnLease = typeof TurnLease.Type

/** By session id. */
export const TurnLeases = Schema.HashMap(Schema.String, TurnLease)
export type TurnLeases = typeof TurnLeases.Type

export const turnOf = (turns: TurnLeases, sessionId: string | undefined): TurnLease | undefined =>
  sessionId === undefined ? undefined : Option.getOrUndefined(HashMap.get(turns, sessionId))

/** Turns that are asked for and not granted. Each stands for one of the lane's concurrent starts. */
export const askedCount = (turns: TurnLeases): number =>
  HashMap.reduce(turns, 0, (sum, { step }) => (step === "asked" ? sum + 1 : sum))

export const asked = (turns: TurnLeases, sessionId: string, ask: Pick<TurnLease, "ask" | "at" | "timeoutMillis">) =>
  HashMap.set(turns, sessionId, { ask: ask.ask, step: "asked" as const, at: ask.at, timeoutMillis: ask.timeoutMillis })

export const denied = (turns: TurnLeases, sessionId: string, reason: string, until: number): TurnLeases =>
  HashMap.modify(turns, sessionId, (lease) => ({ ...lease, step: "denied" as const, at: until, reason }))

/** An attempt begins on the turn. */
export const spent = (turns: TurnLeases, sessionId: string): TurnLeases =>
  HashMap.modify(turns, sessionId, (lease) => ({ ...lease, step: "held" as const }))

interface Attempted {
  readonly onTurn?: boolean
  readonly task: { readonly sessionId?: string }
}

/** The attempt is over. One that the instance refused, at `refusedAt`, leaves the turn asked for. */
export const left = (turns: TurnLeases, { onTurn, task: { sessionId } }: Attempted, refusedAt?: number): TurnLeases => {
  if (onTurn !== true || sessionId === undefined) return turns
  return refusedAt === undefined
    ? HashMap.remove(turns, sessionId)
    : HashMap.modify(turns, sessionId, (lease) => ({ ...lease, step: "asked" as const, at: refusedAt }))
}
