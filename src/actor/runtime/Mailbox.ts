/**
 * What an actor has been sent and not yet decided. Bounded by the entity's mailbox capacity, which counts unanswered
 * calls, and by weight: calls and deliveries that come to a full box are refused with `ActorUnavailable`, and sent
 * again by their senders. What the actor tells itself is taken always: each activity waits for the answer before it
 * tells more.
 */
import { Effect, type Exit } from "effect"

export interface DeliveredMessage {
  readonly id: string
  readonly tag: string
  readonly payload: unknown
}

type Resume = (answer: Exit.Exit<unknown, unknown>) => void

export type Mail =
  | {
      readonly _tag: "Request"
      readonly tag: string
      readonly payload: unknown
      readonly requestId: string
      /** Fingerprint of the payload, when the request id is an idempotency key. */
      readonly fingerprint: string | null
      /** The journal may hold the answer already. */
      readonly again: boolean
      readonly weight: number
      readonly resume: Resume
    }
  | {
      readonly _tag: "Delivery"
      readonly messages: ReadonlyArray<DeliveredMessage>
      readonly again: boolean
      readonly weight: number
      readonly resume: Resume
    }
  | { readonly _tag: "Signal"; readonly signal: { readonly _tag: string }; readonly resume: Resume }
  /** `only`: of the timers that are due, this one. */
  | { readonly _tag: "Due"; readonly only?: string; readonly resume: Resume }

/** Of the payloads that wait in one box (Weight.ts). */
export const mailWeight = 32 * 1024 * 1024

const weightIn = (mails: ReadonlyArray<Mail>): number =>
  mails.reduce((sum, mail) => ("weight" in mail ? sum + mail.weight : sum), 0)

/** Shared by all empty boxes; never written to. */
const none: Array<Mail> = []

export class Mailbox {
  #mails: Array<Mail> = none
  #weight = 0
  #wake: (() => void) | undefined

  get size(): number {
    return this.#mails.length
  }

  get isEmpty(): boolean {
    return this.#mails.length === 0
  }

  /** Whether mail of this weight may be offered. An empty box has room for any: its first mail need not be weighed. */
  hasRoomFor(weight: number): boolean {
    return this.isEmpty || this.#weight + weight <= mailWeight
  }

  offer(mail: Mail): void {
    if (this.#mails === none) this.#mails = []
    this.#mails.push(mail)
    if ("weight" in mail) this.#weight += mail.weight
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  /** Mail that was taken and not decided: it comes first again. */
  putBack(mails: ReadonlyArray<Mail>): void {
    this.#mails = [...mails, ...this.#mails]
    this.#weight += weightIn(mails)
  }

  /** Completes when there is mail. One waiter at a time. */
  get ready(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.#mails.length > 0) return resume(Effect.void)
      this.#wake = () => resume(Effect.void)
      return Effect.sync(() => (this.#wake = undefined))
    })
  }

  take(limit: number): Array<Mail> {
    const taken = this.#mails.length > limit ? this.#mails.splice(0, limit) : this.#mails
    if (taken === this.#mails) this.#mails = none
    this.#weight -= weightIn(taken)
    return taken
  }
}
