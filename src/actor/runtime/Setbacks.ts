/**
 * What an actor could not take: a message or a timer that its code throws on, or whose commit the store refuses for its
 * content. Neither may stand in the way of all else, nor be tried again at once for ever.
 *
 * A timer is put off, from 30 s on, doubling to an hour. A message that the actor's code throws on is asked for again
 * for two minutes, since a newer version may take the actor over meanwhile and know it; then it is passed over. So the
 * work that waits for it ends by its own deadline.
 */
import type { Cause } from "effect"

const timerFirst = 30_000
const timerMost = 3_600_000
const messagePatience = 120_000
/** Timers, and messages, that are remembered; beyond, the oldest is as one that never failed. */
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

/** Shared by all that have nothing to tell; never written to. */
const none: ReadonlyArray<Setback> = []

export class Setbacks {
  /** Made when they are first written to: there may be a hundred thousand actors, and hardly one has any. */
  #timers: Map<string, { readonly wait: number; readonly until: number }> | undefined
  /** Since when. */
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

  /** Whether to pass over a message that the actor's code throws on; else it is to be sent again. */
  passesOver(message: string, now: number, cause: Cause.Cause<unknown>): boolean {
    const since = this.#messages?.get(message)
    if (since === undefined) {
      this.#messages = add(this.#messages ?? new Map(), message, now)
      this.tell({ what: `message ${message}`, becomes: `it is tried again for ${messagePatience / 1_000} s`, cause })
      return false
    }
    if (now - since < messagePatience) return false
    this.#messages?.delete(message)
    this.tell({ what: `message ${message}`, becomes: "it is passed over", cause })
    return true
  }

  get isUntold(): boolean {
    return this.#untold.length > 0
  }

  tell(setback: Setback): void {
    if (this.#untold.length < remembered) this.#untold = [...this.#untold, setback]
  }

  /** Those that nobody was told of yet. */
  take(): ReadonlyArray<Setback> {
    const taken = this.#untold
    this.#untold = none
    return taken
  }
}
