/** The bounds and deadlines of a Session actor, in milliseconds unless named otherwise. */
import { messageShown } from "../../schema/Session.ts"
import { hashOf } from "../routing/Hash.ts"

/** Turns that wait, with the messages on their way into the running turn. */
export const queuedTurns = 1_000
/** Characters of all these messages together. */
export const queuedChars = 8_000_000
/** Messages on their way into the running turn. */
export const steersUnderWay = 16
export const turnsKept = 20
/** Of a kept turn's answer, and of its message. */
export const textKept = 2_048
export const messageKept = messageShown
/** In the document that lists read. */
export const listed = { turns: 5, chars: 512 }

export const attempts = 3
/** Instances that one turn may lose before that counts as its own fault. */
export const reroutesMost = 5
/**
 * How long a turn waits for the instance that has the session's history while that is stopped or drains. It is longer
 * than a restart by hand takes that is quick, and short enough for whoever drains a host.
 */
export const historyWait = 15_000
/** Limit of a steered message that becomes a turn of its own. */
export const steerTimeout = 600_000
/** How long the instance may take to confirm an abort before the turn is ended without it. */
export const abortLimit = 60_000
/** How long after an attempt's limit its end may be missing before it is given up as lost. */
export const lostAfter = 60_000
/** How long the instance may take to say what became of a steered message. */
export const steerLimit = 300_000

/**
 * Wait before the next try to place a refused attempt: what the instance asked for, at least 100 ms doubling to 5 s,
 * spread a little.
 */
export const refusedWait = (runKey: string, refusals: number, asked: number): number =>
  Math.max(asked, Math.min(5_000, 100 * 2 ** Math.min(refusals, 10))) + (hashOf(`${runKey}/${refusals}`) % 100)

/** Wait before attempt `attempt`. */
export const retryWait = (attempt: number): number => 1_000 * 2 ** (attempt - 2)
