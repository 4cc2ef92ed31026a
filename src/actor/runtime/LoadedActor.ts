/** An actor from its load to the first failed commit. */
import { Effect } from "effect"
import * as ActorMetrics from "../../observability/metrics/ActorMetrics.ts"
import type { Answer, Outgoing } from "../Actor.ts"
import { BackgroundWork } from "../background/BackgroundWork.ts"
import { DerivedRows, type Wanted } from "../commit/DerivedRows.ts"
import { Setbacks } from "../commit/Setbacks.ts"
import type { ActorAddress, CommitFailed, OutboxMessage, Piece, StoreUnavailable } from "../Journal.ts"
import { SecretFault } from "../SecretBox.ts"
import { CurrentResource } from "../state/CurrentResource.ts"
import { load } from "../state/Load.ts"
import type { LoadedState } from "../state/LoadedState.ts"
import * as Snapshots from "../state/Snapshots.ts"
import type { ActivationOptions, ActivationSelf } from "./ActivationOptions.ts"
import { Batches } from "./Batches.ts"
import type { Mail, Mailbox } from "./Mailbox.ts"

/** The actor's mail. */
export interface Post {
  readonly mailbox: Mailbox
  /** Adds mail and has it decided. */
  readonly offer: (mail: Mail) => void
}

export class LoadedActor {
  readonly #options: ActivationOptions
  readonly #address: ActorAddress
  readonly #post: Post
  readonly #epoch: number
  /** Undefined when the actor uses no resources. */
  readonly #resource: CurrentResource | undefined
  #memory!: LoadedState
  #derived!: DerivedRows
  #batches: Batches | undefined
  /** Undefined when no background work is running. */
  #background: BackgroundWork | undefined
  #hasEnded = false
  /** A commit of the rows that are owed is to come. */
  #isOwing = false

  constructor(options: ActivationOptions, address: ActorAddress, post: Post, epoch: number) {
    this.#options = options
    this.#address = address
    this.#post = post
    this.#epoch = epoch
    const { definition, resources } = options
    this.#resource = resources && new CurrentResource(address, definition.resource!, resources)
  }

  /** Success: the actor is loaded and the background work that its state asks for is running. */
  get load(): Effect.Effect<void, StoreUnavailable> {
    return Effect.gen({ self: this }, function* () {
      const { answersKept, codec, definition, journal } = this.#options
      const { memory, outbox, wake } = yield* load(journal, definition, codec, this.#address, answersKept)
      this.#memory = memory
      this.#derived = new DerivedRows(this.#options, this.#address.entityId, wake)
      if (this.#resource !== undefined) yield* this.#resource.start(memory.state)
      yield* this.#resume(outbox)
      yield* this.#snapshot() ?? Effect.void
      yield* ActorMetrics.loaded(this.#address.entityType)
      this.#batches = new Batches(this.#options, {
        address: this.#address,
        epoch: this.#epoch,
        mailbox: this.#post.mailbox,
        memory,
        derived: this.#derived,
        setbacks: new Setbacks(),
        resource: this.#resource,
        take: (handed) => this.#options.take?.(handed, this.#self()),
        follow: (outbox, told, wanted) => this.#follow(outbox, told, wanted)
      })
    })
  }

  /** Decides the next batch of the mail and commits it. Call it once the actor is loaded. */
  batch(): Effect.Effect<void, CommitFailed | StoreUnavailable> {
    return this.#batches!.next()
  }

  /** Refuses the mail of a batch that has failed or was interrupted. */
  refuse(): void {
    this.#batches?.refuse()
  }

  /** Refuses such mail, interrupts the background work and waits until it has ended. */
  get end(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#hasEnded = true
      const ended = this.#background?.end ?? Effect.void
      if (this.#batches === undefined) return ended
      this.refuse()
      this.#batches = undefined
      return Effect.andThen(ended, ActorMetrics.dropped(this.#address.entityType))
    })
  }

  /** Completes when nothing keeps the actor resident. */
  get released(): Effect.Effect<void> {
    return Effect.suspend(() => this.#background?.released ?? Effect.void)
  }

  /**
   * Replies at once to a new request that changes nothing. Undefined: the request must go through the mailbox. Call it
   * only while no batch is being decided or committed, so that it reads committed state under an epoch that is still
   * valid.
   */
  peek(tag: string, payload: unknown, requestId: string): Answer<unknown, unknown> | undefined {
    const { clock, definition, ownership, quiet } = this.#options
    if (!quiet.has(tag) || this.#memory.answered.has(requestId)) return undefined
    const { entityId, shardId } = this.#address
    if (ownership.epochOf(shardId) !== this.#epoch) return undefined
    const now = clock.currentTimeMillisUnsafe()
    const seq = this.#memory.seq + 1
    const context = { entityId, now, epoch: this.#epoch, seq, requestId, resource: this.#resource?.value }
    const decision = (definition.commands as any)[tag](this.#memory.state, payload, context)
    const isQuiet = decision.events.length === 0 && decision.send.length === 0 && decision.hand === undefined
    if (isQuiet) return decision.answer
    quiet.delete(tag)
    return undefined
  }

  #self(): ActivationSelf {
    const tell: ActivationSelf["tell"] = (signal) =>
      Effect.callback((resume) => this.#post.offer({ _tag: "Signal", signal, resume: resume as never }))
    return {
      entityId: this.#address.entityId,
      epoch: this.#epoch,
      tell,
      report: (signal) => Effect.catch(tell(signal), () => Effect.never),
      state: Effect.sync(() => this.#memory.state),
      committed: () => this.#memory.state,
      tellOthers: (messages) =>
        Effect.suspend(() =>
          this.#hasEnded || messages.length === 0 ? Effect.void : this.#undertaking.carry(messages)
        ),
      isOwner: () => this.#options.ownership.epochOf(this.#address.shardId) === this.#epoch
    }
  }

  /** What is to be run after a commit. Also arms the next wake-up. */
  #follow(
    outbox: ReadonlyArray<OutboxMessage>,
    told: ReadonlyArray<Outgoing>,
    wanted: Wanted
  ): Effect.Effect<void> | undefined {
    this.#arm(wanted)
    const isIdle = outbox.length === 0 && told.length === 0 && wanted.activities.length === 0
    const begun =
      this.#background === undefined && isIdle ? undefined : this.#undertaking.begin(outbox, told, wanted.activities)
    return both(begun, both(this.#owed(wanted), this.#snapshot()))
  }

  /** Has the rows that are owed written at their time. */
  #owed(wanted: Wanted): Effect.Effect<void> | undefined {
    const owedAt = this.#isOwing ? undefined : this.#derived.owedAt(wanted)
    if (owedAt === undefined) return undefined
    this.#isOwing = true
    const wait = Math.max(0, owedAt - this.#options.clock.currentTimeMillisUnsafe())
    const payOff = Effect.sync(() => {
      this.#isOwing = false
      this.#post.offer({ _tag: "Due", resume: () => {} })
    })
    return Effect.suspend(() => Effect.asVoid(this.#undertaking.fork(Effect.delay(payOff, wait))))
  }

  /** Starts what the state asks for after loading. */
  #resume(outbox: Piece<OutboxMessage>): Effect.Effect<void, StoreUnavailable> {
    const { seq, state } = this.#memory
    const { clock, definition } = this.#options
    const wanted = this.#derived.wanted(state)
    const { entityId } = this.#address
    const context = { entityId, epoch: this.#epoch, now: clock.currentTimeMillisUnsafe(), seq: seq + 1 }
    const told = definition.retells?.(state, context) ?? []
    this.#arm(wanted)
    const owed = this.#owed(wanted) ?? Effect.void
    if (outbox.items.length === 0 && told.length === 0 && wanted.activities.length === 0) return owed
    return Effect.andThen(this.#undertaking.resume(outbox, told, wanted.activities), owed)
  }

  #arm({ wake }: Wanted): void {
    const { definition, wakes } = this.#options
    if (definition.timers !== undefined) wakes.arm(this.#address, wake.dueAt ?? undefined)
  }

  get #undertaking(): BackgroundWork {
    return (this.#background ??= new BackgroundWork(
      this.#options,
      this.#address,
      this.#self(),
      () => (this.#background = undefined)
    ))
  }

  /** The snapshot to be taken now, in the background. */
  #snapshot(): Effect.Effect<void> | undefined {
    if (!Snapshots.isDue(this.#memory, this.#options.definition.snapshotEvery)) return undefined
    return Effect.suspend(() => {
      const { entityId, entityType } = this.#address
      const snapshot = Snapshots.take(this.#options, this.#memory, entityId)
      if (snapshot instanceof SecretFault) {
        return Effect.annotateLogs(Snapshots.notTaken(snapshot), { entityType, entityId })
      }
      const saved = this.#options.journal.saveSnapshot(this.#address, this.#epoch, snapshot)
      return Effect.asVoid(this.#undertaking.fork(Effect.ignore(saved)))
    })
  }
}

const both = (
  first: Effect.Effect<void> | undefined,
  second: Effect.Effect<void> | undefined
): Effect.Effect<void> | undefined =>
  first === undefined ? second : second === undefined ? first : Effect.andThen(first, second)
