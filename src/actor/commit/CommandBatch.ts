/**
 * One batch of an actor: the mail taken from its mailbox, decided in order into one commit. Replies are given after the
 * commit has succeeded or failed, never before.
 */
import { Cause, Exit } from "effect"
import { ActorUnavailable, IdempotencyConflict, InvalidInput, type UnavailableReason } from "../../schema/Errors.ts"
import type { Answer, Timer } from "../Actor.ts"
import type { PendingCommit, Definition } from "./PendingCommit.ts"
import type { DeadReason } from "../../schema/DeadMessage.ts"
import type { ActorCodec, CommandCodec } from "../state/Codec.ts"
import type { EncodedAnswer, RecordedAnswer } from "../Journal.ts"
import type { DeliveredMessage, Mail } from "../runtime/Mailbox.ts"
import type { LoadedState } from "../state/LoadedState.ts"
import { SecretFault } from "../SecretBox.ts"
import type { Setbacks } from "./Setbacks.ts"

const timersARound = 256

export const unavailable = (reason: UnavailableReason, message: string) =>
  new ActorUnavailable({ reason, message, retryAfterMillis: 100 })

/** Nothing of the mail was decided. */
export const moving = unavailable("Moving", "the actor is moving or its store is away; send the same request again")

const resourceFirst = unavailable("Moving", "the actor loads another resource first; send the same request again")

/** The refusal of mail that was sent again: this attempt did not run, but an earlier one may have. */
export const ofRepeated = (because: ActorUnavailable): ActorUnavailable =>
  because.mayHaveRun ? because : unavailable("CommitInDoubt", because.message)

export const refuseAll = (mails: ReadonlyArray<Mail>, because: ActorUnavailable): void => {
  const [first, repeated] = [Exit.fail(because), Exit.fail(ofRepeated(because))]
  for (const mail of mails) mail.resume("again" in mail && mail.again ? repeated : first)
}

/** Request ids that may have a recorded reply which is not in memory. */
export const forgotten = (mails: ReadonlyArray<Mail>, { answered }: LoadedState): ReadonlyArray<string> =>
  mails.flatMap((mail) => {
    if (mail._tag === "Request") {
      const { again, fingerprint, requestId } = mail
      return answered.mustLookUp(requestId, again || fingerprint !== null) ? [requestId] : []
    }
    if (mail._tag !== "Delivery") return []
    return mail.messages.map(({ id }) => id).filter((id) => answered.mustLookUp(id, mail.again))
  })

export class CommandBatch {
  readonly #definition: Definition
  readonly #codec: ActorCodec<any, any>
  readonly #memory: LoadedState
  readonly #pending: PendingCommit
  readonly #now: number
  readonly #found: Map<string, RecordedAnswer>
  readonly #quiet: Set<string>
  readonly #setbacks: Setbacks
  readonly #answers: Array<() => void> = []
  readonly fresh: Array<RecordedAnswer> = []
  /** Why each of the messages that the commit keeps as dead ones was given up. */
  readonly dead: Array<DeadReason> = []

  constructor(
    definition: Definition,
    codec: ActorCodec<any, any>,
    memory: LoadedState,
    pending: PendingCommit,
    now: number,
    found: ReadonlyArray<RecordedAnswer>,
    quiet: Set<string>,
    setbacks: Setbacks
  ) {
    this.#definition = definition
    this.#codec = codec
    this.#memory = memory
    this.#pending = pending
    this.#now = now
    this.#quiet = quiet
    this.#setbacks = setbacks
    this.#found = new Map(found.map((answer) => [answer.requestId, answer]))
  }

  decide(mail: Mail): void {
    try {
      this.#take(mail)
    } catch (defect) {
      /**
       * A defect makes the cluster restart the actor with all its background work, and a delivery is retried until it
       * succeeds. A failed delivery is therefore answered with `ActorUnavailable`.
       */
      const answer =
        mail._tag === "Delivery" || mail._tag === "Told"
          ? Exit.fail(unavailable("Moving", "a message cannot be taken now"))
          : mail._tag === "Request" && defect instanceof SecretFault
            ? Exit.fail(notSealed(defect))
            : Exit.die(defect)
      this.#answers.push(() => mail.resume(answer))
    }
  }

  answer(): void {
    for (const answer of this.#answers) answer()
  }

  #take(mail: Mail): void {
    switch (mail._tag) {
      case "Request":
        return this.#request(mail)
      case "Delivery":
        return this.#delivery(mail)
      case "Told":
        return this.#told(mail)
      case "Signal": {
        this.#pending.apply({ _tag: "Signal", signal: mail.signal })
        return this.#later(mail, Exit.void)
      }
      case "Due": {
        this.#due(mail.only)
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
    const step = this.#pending.apply({ _tag: "Command", tag, payload, requestId, payloadHash: fingerprint })
    if (step.recorded === undefined) this.#quiet.add(tag)
    else this.#remember(requestId, fingerprint, step.recorded)
    this.#later(mail, exitOf(step.answer))
  }

  #replay(tag: string, answer: EncodedAnswer): Exit.Exit<unknown, unknown> {
    return exitOf(this.#codec.command(tag)!.decodeAnswer(answer))
  }

  /** The sender sends the messages again that come after one which changes the resource. */
  #delivery(mail: Extract<Mail, { _tag: "Delivery" }>): void {
    for (const message of mail.messages) {
      if (this.#known(message.id) !== undefined) continue
      if (this.#pending.needsResource) return this.#later(mail, Exit.fail(resourceFirst))
      if (mail.unstorable === undefined) this.#message(message)
      else this.#giveUp(message, "unstorable", new Error(mail.unstorable))
    }
    this.#later(mail, Exit.void)
  }

  /** A message that cannot be processed is retried for a while (Setbacks.ts) and then kept as a dead message. */
  #message(message: DeliveredMessage): void {
    const command = this.#codec.command(message.tag)
    if (command === undefined) {
      const error = new Error(`${this.#definition.entity.type} has no command ${message.tag}`)
      return this.#retried(message, "unknown", error)
    }
    let refusal: unknown
    try {
      refusal = this.#apply(message, command)
    } catch (defect) {
      return this.#retried(message, "threw", defect)
    }
    if (refusal !== undefined) this.#giveUp(message, "refused", refusal)
  }

  /** Returns the error when the command refused without recording or sending anything: its sender would never know. */
  #apply({ id, payload: encoded, tag }: DeliveredMessage, { decodePayload }: CommandCodec): unknown {
    const payload = decodePayload(encoded)
    const step = this.#pending.apply({ _tag: "Command", tag, payload, requestId: id, payloadHash: null })
    if (step.recorded !== undefined) this.#remember(id, null, step.recorded)
    else if (step.answer._tag === "Failure") return step.answer.error
    return undefined
  }

  /** Throws while the message is still to be retried. */
  #retried(message: DeliveredMessage, reason: "unknown" | "threw", error: unknown): void {
    if (!this.#setbacks.isGivenUp(message.id, reason, this.#now, Cause.die(error))) throw error
    this.#giveUp(message, reason, error)
  }

  #giveUp(message: DeliveredMessage, reason: DeadReason, error: unknown): void {
    this.#remember(message.id, null, this.#pending.addDead(message, reason, error))
    this.#setbacks.tell({
      what: `message ${message.tag} ${message.id}`,
      becomes: "it is kept as a dead message",
      cause: Cause.die(error)
    })
    this.dead.push(reason)
  }

  /** A message that cannot be processed is dropped: its sender's state says the same, and its timers act on it. */
  #told(mail: Extract<Mail, { _tag: "Told" }>): void {
    for (const { payload, tag } of mail.messages) {
      if (this.#pending.needsResource) return this.#later(mail, Exit.fail(resourceFirst))
      try {
        const command = this.#codec.command(tag)
        if (command === undefined) throw new Error(`${this.#definition.entity.type} has no command ${tag}`)
        this.#pending.apply({ _tag: "Told", tag, payload: command.decodePayload(payload) })
      } catch (defect) {
        if (defect instanceof SecretFault) throw defect
        this.#setbacks.tell({ what: `told message ${tag}`, becomes: "it is dropped", cause: Cause.die(defect) })
      }
    }
    this.#later(mail, Exit.void)
  }

  /** Decides the timers that are due, each key at most once per batch and only while it is still due. */
  #due(only: string | undefined): void {
    const seen = new Set<string>()
    const isWanted = ({ at, key }: Timer): boolean =>
      at <= this.#now &&
      !seen.has(key) &&
      (only === undefined || key === only) &&
      !this.#setbacks.isPutOff(key, this.#now)
    while (seen.size < timersARound && !this.#pending.needsResource) {
      const timer = (this.#definition.timers?.(this.#pending.state) ?? []).find(isWanted)
      if (timer === undefined) return
      seen.add(timer.key)
      try {
        this.#pending.apply({ _tag: "Timer", key: timer.key })
      } catch (defect) {
        this.#setbacks.putOff(timer.key, this.#now, Cause.die(defect))
      }
    }
  }
}

export const exitOf = (answer: Answer<unknown, unknown>): Exit.Exit<unknown, unknown> =>
  answer._tag === "Success" ? Exit.succeed(answer.value) : Exit.fail(answer.error)

/** Nothing was written. It is not tried again: it stays so until an operator has given the runners a key. */
const notSealed = ({ message }: SecretFault) =>
  new InvalidInput({
    message: `this request has a secret that cannot be stored; nothing was stored: ${message}`,
    faults: [{ path: "", expected: "no secret, until the runners have a key to encrypt it with" }]
  })

const conflictOf = (key: string) =>
  new IdempotencyConflict({
    key,
    message: "this idempotency key was used before with another payload; use a new key for a new request"
  })
