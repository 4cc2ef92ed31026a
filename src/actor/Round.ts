/**
 * One round of an actor: the mail taken from its box, decided in order into one batch. `answers` are given after the commit, or when it
 * failed, never before.
 */
import { Exit } from "effect"
import { ActorUnavailable, IdempotencyConflict } from "../schema/Errors.ts"
import type { Answer } from "./Actor.ts"
import type { Batch, Definition } from "./Batch.ts"
import type { ActorCodec } from "./Codec.ts"
import type { EncodedAnswer, RecordedAnswer } from "./Journal.ts"
import type { Mail } from "./Mailbox.ts"
import type { Memory } from "./Memory.ts"

const timersARound = 256

export const unavailable = (message: string) => new ActorUnavailable({ message, retryAfterMillis: 100 })

export const refuseAll = (mails: ReadonlyArray<Mail>, message: string): void => {
  const failure = Exit.fail(unavailable(message))
  for (const mail of mails) mail.resume(failure)
}

/** Request ids that may have been answered, though memory does not have the answer. */
export const forgotten = (mails: ReadonlyArray<Mail>, { answered }: Memory): ReadonlyArray<string> =>
  mails.flatMap((mail) => {
    if (mail._tag === "Request") {
      const { again, fingerprint, requestId } = mail
      return answered.mustLookUp(requestId, again || fingerprint !== null) ? [requestId] : []
    }
    if (mail._tag !== "Delivery") return []
    return mail.messages.map(({ id }) => id).filter((id) => answered.mustLookUp(id, mail.again))
  })

export class Round {
  readonly #definition: Definition
  readonly #codec: ActorCodec<any, any>
  readonly #memory: Memory
  readonly #batch: Batch
  readonly #now: number
  readonly #found: Map<string, RecordedAnswer>
  readonly #quiet: Set<string>
  readonly #answers: Array<() => void> = []
  readonly fresh: Array<RecordedAnswer> = []

  constructor(
    definition: Definition,
    codec: ActorCodec<any, any>,
    memory: Memory,
    batch: Batch,
    now: number,
    found: ReadonlyArray<RecordedAnswer>,
    quiet: Set<string>
  ) {
    this.#definition = definition
    this.#codec = codec
    this.#memory = memory
    this.#batch = batch
    this.#now = now
    this.#quiet = quiet
    this.#found = new Map(found.map((answer) => [answer.requestId, answer]))
  }

  decide(mail: Mail): void {
    try {
      this.#take(mail)
    } catch (defect) {
      this.#answers.push(() => mail.resume(Exit.die(defect)))
    }
  }

  answer(): void {
    for (const answer of this.#answers) answer()
  }

  #take(mail: Mail): void {
    switch (mail._tag) {
      case "Request":
        return this.#request(mail)
      case "Delivery": {
        for (const { id, payload, tag } of mail.messages) this.#message(id, tag, payload)
        return this.#later(mail, Exit.void)
      }
      case "Signal": {
        this.#batch.apply({ _tag: "Signal", signal: mail.signal })
        return this.#later(mail, Exit.void)
      }
      case "Due": {
        this.#due()
        return this.#later(mail, Exit.void)
      }
    }
  }

  #later(mail: Mail, answer: Exit.Exit<unknown, unknown>): void {
    this.#answers.push(() => mail.resume(answer))
  }

  #known(requestId: string): RecordedAnswer | undefined {
    return this.#memory.answered.get(requestId) ?? this.#found.get(requestId)
  }

  #remember(requestId: string, payloadHash: string | null, answer: EncodedAnswer): void {
    const recorded = { requestId, payloadHash, answer }
    this.#found.set(requestId, recorded)
    this.fresh.push(recorded)
  }

  #request(mail: Extract<Mail, { _tag: "Request" }>): void {
    const { fingerprint, payload, requestId, tag } = mail
    const known = this.#known(requestId)
    if (known !== undefined) {
      const conflict = fingerprint !== null && known.payloadHash !== fingerprint
      return this.#later(mail, conflict ? Exit.fail(conflictOf(requestId)) : this.#replay(tag, known.answer))
    }
    const step = this.#batch.apply({ _tag: "Command", tag, payload, requestId, payloadHash: fingerprint })
    if (step.recorded === undefined) this.#quiet.add(tag)
    else this.#remember(requestId, fingerprint, step.recorded)
    this.#later(mail, exitOf(step.answer))
  }

  #replay(tag: string, answer: EncodedAnswer): Exit.Exit<unknown, unknown> {
    return exitOf(this.#codec.command(tag)!.decodeAnswer(answer))
  }

  #message(requestId: string, tag: string, encoded: unknown): void {
    if (this.#known(requestId) !== undefined) return
    const payload = this.#codec.command(tag)!.decodePayload(encoded)
    const step = this.#batch.apply({ _tag: "Command", tag, payload, requestId, payloadHash: null })
    if (step.recorded !== undefined) this.#remember(requestId, null, step.recorded)
  }

  /** Each key once a round, and only while it is still due. */
  #due(): void {
    const seen = new Set<string>()
    while (seen.size < timersARound) {
      const timers = this.#definition.timers?.(this.#batch.state) ?? []
      const timer = timers.find(({ at, key }) => at <= this.#now && !seen.has(key))
      if (timer === undefined) return
      seen.add(timer.key)
      this.#batch.apply({ _tag: "Timer", key: timer.key })
    }
  }
}

export const exitOf = (answer: Answer<unknown, unknown>): Exit.Exit<unknown, unknown> =>
  answer._tag === "Success" ? Exit.succeed(answer.value) : Exit.fail(answer.error)

const conflictOf = (key: string) =>
  new IdempotencyConflict({
    key,
    message: "this idempotency key was used before with another payload; use a new key for a new request"
  })
