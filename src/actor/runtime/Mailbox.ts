/**
 * Mail that an actor has received and not yet decided. It is bounded by the entity's mailbox capacity, which counts
 * unanswered calls, and by weight: calls and deliveries to a full mailbox are refused with `ActorUnavailable`, and
 * their senders retry. The actor's own signals are always accepted: each activity waits for the reply before it sends
 * the next.
 */
import { Effect, type Exit } from "effect"

export interface DeliveredMessage {
  readonly id: string
  readonly tag: string
  readonly payload: unknown
}

/** A message that no store has, and that has no id. */
export type ToldMessage = Omit<DeliveredMessage, "id">

type Resume = (answer: Exit.Exit<unknown, unknown>) => void

export type Mail =
  | {
      readonly _tag: "Request"
      readonly tag: string
      readonly payload: unknown
      readonly requestId: string
      /** Fingerprint of the payload, when the request id is an idempotency key. */
      readonly fingerprint: string | null
      /** True on a retry: the journal may already hold the reply. */
      readonly again: boolean
      readonly weight: number
      readonly resume: Resume
    }
  | {
      readonly _tag: "Delivery"
      readonly messages: ReadonlyArray<DeliveredMessage>
      readonly again: boolean
      /** Set when the store refused what the messages would write: its error. They are then kept as dead messages. */
      readonly unstorable?: string
      readonly weight: number
      readonly resume: Resume
    }
  | {
      readonly _tag: "Told"
      readonly messages: ReadonlyArray<ToldMessage>
      readonly weight: number
      readonly resume: Resume
    }
  | { readonly _tag: "Signal"; readonly signal: { readonly _tag: string }; readonly resume: Resume }
  /** `only` restricts it to one of the due timers. */
  | { readonly _tag: "Due"; readonly only?: string; readonly resume: Resume }

/** Maximum weight of the payloads in one mailbox (Weight.ts). */
export const mailWeight = 32 * 1024 * 1024

const weightIn = (mails: ReadonlyArray<Mail>): number =>
  mails.reduce((sum, mail) => ("weight" in mail ? sum + mail.weight : sum), 0)

/** Shared by all empty mailboxes; never written to. */
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

  /**
   * Whether mail of this weight may be offered. An empty mailbox accepts any weight, so its first mail need not be
   * weighed.
   */
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

  /** Puts mail that was taken and not decided back to the front. */
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
