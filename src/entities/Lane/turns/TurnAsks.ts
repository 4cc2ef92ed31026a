/**
 * Which turns a lane asks for: one of each session for which a task waits and that it does not ask already. What is
 * asked for stands for concurrent starts of the lane, so asks take at most half of them: work of other kinds goes on
 * while sessions are busy. Pure.
 */
import type { WaitingTask } from "../../../schema/events/LaneEvents.ts"
import type { SessionId } from "../../../schema/Ids.ts"
import type { TurnAsk } from "../dispatch/StartTasks.ts"
import type { LaneState } from "../LaneState.ts"
import { askedCount, turnOf } from "./TurnLease.ts"

/** Why a task waits that names a session. */
export const turnReason = "a turn of its session"

export class TurnAsks {
  readonly #state: LaneState
  readonly #asks = new Map<SessionId, TurnAsk>()
  /** Asks that the lane may still make. */
  #room: number

  /** `free`: starts that the lane may still make, those that its asks stand for included. */
  constructor(state: LaneState, free: number) {
    this.#state = state
    const asked = askedCount(state.turns)
    this.#room = Math.min(free, Math.max(1, Math.floor(state.config.concurrency / 2))) - asked
  }

  /** A task that waits for its session, in order of rank. */
  add(sessionId: SessionId, { task: { hints, timeoutMillis } }: WaitingTask): void {
    const made = this.#asks.get(sessionId)
    if (made !== undefined) {
      if (timeoutMillis > made.timeoutMillis) this.#asks.set(sessionId, { ...made, timeoutMillis })
      return
    }
    if (this.#room <= 0 || turnOf(this.#state.turns, sessionId) !== undefined) return
    this.#room--
    this.#asks.set(sessionId, { sessionId, hints, timeoutMillis })
  }

  get size(): number {
    return this.#asks.size
  }

  get all(): ReadonlyArray<TurnAsk> {
    return [...this.#asks.values()]
  }
}
