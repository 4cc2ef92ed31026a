/** Bounds and deadlines of a Session actor, in milliseconds unless stated otherwise. */
import { messageShown } from "../../schema/Session.ts"
import { hashOf } from "../routing/RoutingHash.ts"

/** Maximum waiting turns, including the messages in flight into the running turn. */
export const queuedTurns = 1_000
/** Maximum characters of all these messages together. */
export const queuedChars = 8_000_000
/** Maximum messages in flight into the running turn. */
export const steersUnderWay = 16
export const turnsKept = 20
/** Maximum characters kept of an ended turn's answer, and of its message. */
export const textKept = 2_048
export const messageKept = messageShown
/** Turns, and characters of each message and answer, in the document that lists read. */
export const listed = { turns: 5, chars: 512 }

export const attempts = 3
/** Instances that one turn may lose before the turn itself counts as the cause. */
export const reroutesMost = 5
/**
 * How long a turn waits for the instance that has the session's history while that instance is stopped or draining.
 * Longer than a quick manual restart, and short enough for an operator who drains a host.
 */
export const historyWait = 15_000
/** Timeout of a steered message that becomes a turn of its own. */
export const steerTimeout = 600_000
/** How long the instance may take to confirm an abort before the turn is ended without the confirmation. */
export const abortLimit = 60_000
/** How long after an attempt's timeout its end may be missing before the attempt is given up as lost. */
export const lostAfter = 60_000
/**
 * How long after the timeout of a lane's longest attempt its turn may not have been returned: more than the lane takes
 * to give up an attempt, and to have it aborted.
 */
export const laneTurnLimit = 180_000
/** How long the instance may take to report whether a steered message arrived. */
export const steerLimit = 300_000

/**
 * Backoff before the next try to place a refused attempt: 100 ms doubling to 5 s, at least what the instance asked for,
 * plus jitter of less than 100 ms.
 */
export const refusedWait = (runKey: string, refusals: number, asked: number): number =>
  Math.max(asked, Math.min(5_000, 100 * 2 ** Math.min(refusals, 10))) + (hashOf(`${runKey}/${refusals}`) % 100)

/** Backoff after `failed` failed attempts, at least 1: 1 s, then doubling. Attempts on lost instances do not count. */
export const retryWait = (failed: number): number => 1_000 * 2 ** (failed - 1)
