/**
 * One actor in memory. It loads itself from the journal, decides its mail in batches, commits each batch, and replies
 * after the commit. Memory never runs ahead of the journal: when a commit fails or is in doubt, the loaded state is
 * dropped and loaded again, and the callers are asked to retry.
 */
import { Cause, Effect, Exit, Fiber, Latch } from "effect"
import { ActorUnavailable } from "../../schema/Errors.ts"
import type { ActorAddress, CommitFailed, StoreUnavailable } from "../Journal.ts"
import { LoadedActor, type Post } from "./LoadedActor.ts"
import { type Mail, Mailbox } from "./Mailbox.ts"
import type { ActivationOptions } from "./ActivationOptions.ts"
import type { IncomingCall, ActivationHandle } from "./ActivationDirectory.ts"
import { exitOf, moving, ofRepeated, refuseAll, unavailable } from "../commit/CommandBatch.ts"
import { SecretFault } from "../SecretBox.ts"
import { weightOf } from "../state/Weight.ts"

/**
 * Milliseconds before a dropped actor is loaded again: at most 100 after a failed commit or load, and after the n-th
 * defect in a row 100 × 2^n, up to 30 s.
 */
const restFirst = 100
const restMost = 30_000

const full = unavailable("Overloaded", "as much as may waits for the actor already; send the same request again")

/**
 * The refusal by an actor whose stored secrets cannot be read; undefined when it was dropped for another cause. It
 * names the key, and asks to come back later than a call is tried, since only an operator can mend it.
 */
const unreadable = (cause: Cause.Cause<unknown>): ActorUnavailable | undefined => {
  const fault = Cause.squash(cause)
  return fault instanceof SecretFault
    ? new ActorUnavailable({
        reason: "StoreUnavailable",
        message: `the actor cannot be loaded: ${fault.message}`,
        retryAfterMillis: 60_000
      })
    : undefined
}

/**
 * The fiber runs from the first mail until the mailbox is empty, so that an idle actor costs little more than its
 * state: there may be a hundred thousand in memory. Background work runs without that fiber.
 */
export class Activation implements ActivationHandle, Post {
  readonly mailbox = new Mailbox()
  /** Unix milliseconds. */
  freshUntil = 0
  readonly #options: ActivationOptions
  readonly #address: ActorAddress
  #actor: LoadedActor | undefined
  #fiber: Fiber.Fiber<void> | undefined
  #isWorking = false
  #isClosed = false
  /** Consecutive defects, while loading or in the actor's own code. */
  #deaths = 0
  /** Created when a caller waits for it. */
  #loaded: Latch.Latch | undefined

  /** Starts loading. */
  constructor(options: ActivationOptions, address: ActorAddress) {
    this.#options = options
    this.#address = address
    this.#work()
  }

  get entityId(): string {
    return this.#address.entityId
  }

  codecOf(tag: string) {
    return this.#options.codec.command(tag)
  }

  offer(mail: Mail): void {
    if (this.#isClosed) return refuseAll([mail], moving)
    this.mailbox.offer(mail)
    this.#work()
  }

  /** Replies after the commit, or at once to a command that changes nothing when possible (`LoadedActor.peek`). */
  take({ again, fingerprint, payload, requestId, resume, tag }: IncomingCall): void {
    const isMessages = tag === "Deliver" || tag === "DeliverTold"
    const isNew = !isMessages && !again && fingerprint === null && !this.#isWorking
    const answer = isNew ? this.#actor?.peek(tag, payload, requestId) : undefined
    if (answer !== undefined) return resume(exitOf(answer))
    const weight = this.mailbox.isEmpty ? 0 : weightOf(payload)
    if (!this.mailbox.hasRoomFor(weight)) return resume(Exit.fail(again ? ofRepeated(full) : full))
    if (tag === "Deliver") return this.offer({ _tag: "Delivery", ...payload, weight, resume })
    if (tag === "DeliverTold") return this.offer({ _tag: "Told", ...payload, weight, resume })
    this.offer({ _tag: "Request", tag, payload, requestId, fingerprint, again, weight, resume })
  }

  ask(asked: IncomingCall): boolean {
    const { mailboxCapacity, ownership } = this.#options
    if (this.mailbox.size >= mailboxCapacity || ownership.epochOf(this.#address.shardId) === undefined) return false
    this.take(asked)
    return true
  }

  /** Records that the cluster has delivered to the actor. */
  refresh(): void {
    this.freshUntil = this.#options.clock.currentTimeMillisUnsafe() + this.#options.freshMillis
  }

  /** Completes when the actor is loaded and its background work is running. */
  get loaded(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#actor !== undefined) return Effect.void
      this.#loaded ??= Latch.makeUnsafe(false)
      return this.#loaded.await
    })
  }

  /** Completes when no background work is running. */
  get idle(): Effect.Effect<void> {
    return Effect.suspend(() => this.#actor?.released ?? Effect.void)
  }

  /** Interrupts the background work, waits until it has ended, and refuses the remaining mail. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#isClosed = true
      const stopped = this.#fiber === undefined ? Effect.void : Fiber.interrupt(this.#fiber)
      return stopped.pipe(
        Effect.andThen(this.#end),
        Effect.andThen(Effect.sync(() => refuseAll(this.mailbox.take(Infinity), moving)))
      )
    })
  }

  /** Mail that arrives within one turn of the event loop is decided as one batch. */
  #work(): void {
    if (this.#isWorking || this.#isClosed) return
    this.#isWorking = true
    if (this.#actor === undefined) this.#run()
    else this.#options.dispatcher.scheduleTask(() => this.#run(), 0)
  }

  #run(): void {
    if (this.#isClosed) return
    const fiber = Effect.runForkWith(this.#options.context)(this.#batches)
    if (this.#isWorking) this.#fiber = fiber
  }

  /** Loads the actor when it is not loaded, and decides mail until the mailbox is empty. */
  get #batches(): Effect.Effect<void> {
    const isLeft = () => this.#actor === undefined || !this.mailbox.isEmpty
    const batches = Effect.whileLoop({
      while: isLeft,
      body: () => {
        const next = this.#actor === undefined ? this.#begin : this.#batch(this.#actor)
        return Effect.catchCause(next, (cause) => this.#drop(cause))
      },
      step: () => {}
    })
    return Effect.map(batches, () => {
      this.#isWorking = false
      this.#fiber = undefined
    })
  }

  #batch(actor: LoadedActor): Effect.Effect<void, CommitFailed | StoreUnavailable> {
    return Effect.map(
      Effect.suspend(() => actor.batch()),
      () => void (this.#deaths = 0)
    )
  }

  get #begin(): Effect.Effect<void, StoreUnavailable> {
    return Effect.suspend(() => {
      const epoch = this.#options.ownership.epochOf(this.#address.shardId)
      if (epoch === undefined) return this.#refuse
      const actor = new LoadedActor(this.#options, this.#address, this, epoch)
      return actor.load.pipe(
        Effect.onError(() => actor.end),
        Effect.andThen(
          Effect.sync(() => {
            this.#actor = actor
            this.#loaded?.openUnsafe()
            this.#loaded = undefined
          })
        )
      )
    })
  }

  /**
   * Ends the background work; signals that its activities sent last are refused with the remaining mail. After a defect
   * in the actor's own code or in its history the pause before the next load doubles, because the next attempt would
   * most likely fail in the same way.
   */
  #drop(cause: Cause.Cause<CommitFailed | StoreUnavailable>): Effect.Effect<void> {
    const { entityId, entityType } = this.#address
    const isDeath = Cause.hasDies(cause)
    this.#actor?.refuse()
    if (isDeath) this.#deaths++
    return Effect.logWarning("An actor was dropped and will be loaded again", cause).pipe(
      Effect.annotateLogs({ entityType, entityId, deaths: this.#deaths }),
      Effect.andThen(this.#end),
      Effect.andThen(
        isDeath
          ? this.#refuseFor(Math.min(restMost, restFirst * 2 ** this.#deaths), unreadable(cause) ?? moving)
          : this.#refuse
      )
    )
  }

  get #end(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const actor = this.#actor
      this.#actor = undefined
      return actor?.end ?? Effect.void
    })
  }

  #refuseMail(because: ActorUnavailable): Effect.Effect<void> {
    return Effect.andThen(
      this.mailbox.ready,
      Effect.sync(() => refuseAll(this.mailbox.take(Infinity), because))
    )
  }

  /** Refuses the mail that is there or arrives within 100 ms. */
  get #refuse(): Effect.Effect<void> {
    return Effect.asVoid(Effect.timeoutOption(this.#refuseMail(moving), restFirst))
  }

  #refuseFor(millis: number, because: ActorUnavailable): Effect.Effect<void> {
    return Effect.asVoid(Effect.timeoutOption(Effect.forever(this.#refuseMail(because)), millis))
  }
}
