/**
 * Messages and timers that an actor cannot process: its code throws on them, or the store refuses their commit for its
 * content. Neither may block all other work, nor be retried at once for ever.
 *
 * A timer is postponed by 30 s, and then by twice as long each time, up to 1 h. A message on which the actor's code
 * throws is retried for two minutes, and one whose command the actor does not have for fifteen, because a newer version
 * may take over the actor meanwhile and accept it; then it is kept as a dead message (DeadMessageRow.ts).
 */
import type { Cause } from "effect"

const timerFirst = 30_000
const timerMost = 3_600_000
const messagePatience = { threw: 120_000, unknown: 900_000 }
/**
 * Maximum number of timers, of messages and of unreported setbacks that are remembered. Beyond it the oldest timer or
 * message counts as one that never failed, and further setbacks are not reported.
 */
const remembered = 1_024

export interface Setback {
  readonly what: string
  readonly becomes: string
  readonly cause: Cause.Cause<unknown>
}

const add = <A>(map: Map<string, A>, key: string, value: A): Map<string, A> => {
  map.delete(key)
  map.set(key, value)
  if (map.size > remembered) map.delete(map.keys().next().value!)
  return map
}

/** Shared by all actors that have nothing to report; never written to. */
const none: ReadonlyArray<Setback> = []

export class Setbacks {
  /** Created by the first write: there may be a hundred thousand actors, and hardly any has an entry. */
  #timers: Map<string, { readonly wait: number; readonly until: number }> | undefined
  /** Unix milliseconds of the first failure, by message id. */
  #messages: Map<string, number> | undefined
  #untold: ReadonlyArray<Setback> = none

  isPutOff(timer: string, now: number): boolean {
    return now < (this.#timers?.get(timer)?.until ?? 0)
  }

  putOff(timer: string, now: number, cause: Cause.Cause<unknown>): void {
    const wait = Math.min(timerMost, 2 * (this.#timers?.get(timer)?.wait ?? timerFirst / 2))
    this.#timers = add(this.#timers ?? new Map(), timer, { wait, until: now + wait })
    this.tell({ what: `timer ${timer}`, becomes: `it is tried again in ${wait / 1_000} s`, cause })
  }

  /**
   * Whether to give up a message that fails. False: its sender must send it again. The first failure stays remembered,
   * because the message is decided again when the store refuses the commit that gives it up, for another's content.
   */
  isGivenUp(message: string, reason: keyof typeof messagePatience, now: number, cause: Cause.Cause<unknown>): boolean {
    const since = this.#messages?.get(message)
    const patience = messagePatience[reason]
    if (since === undefined) {
      this.#messages = add(this.#messages ?? new Map(), message, now)
      this.tell({ what: `message ${message}`, becomes: `it is tried again for ${patience / 1_000} s`, cause })
      return false
    }
    return now - since >= patience
  }

  get isUntold(): boolean {
    return this.#untold.length > 0
  }

  tell(setback: Setback): void {
    if (this.#untold.length < remembered) this.#untold = [...this.#untold, setback]
  }

  /** Takes the setbacks that have not been reported yet. */
  take(): ReadonlyArray<Setback> {
    const taken = this.#untold
    this.#untold = none
    return taken
  }
}
