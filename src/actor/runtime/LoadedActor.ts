/** An actor from its load to the first failed commit. */
import { Clock, Effect } from "effect"
import * as ActorMetrics from "../../observability/metrics/ActorMetrics.ts"
import type { Answer, Outgoing, View } from "../Actor.ts"
import { PendingCommit } from "../commit/PendingCommit.ts"
import { digestOf } from "../state/Digest.ts"
import {
  type ActorAddress,
  type Commit,
  CommitFailed,
  type OutboxMessage,
  type Piece,
  type StoreUnavailable,
  type WakeRow
} from "../Journal.ts"
import { resourceUse } from "../Resources.ts"
import { CurrentResource } from "../state/CurrentResource.ts"
import type { Mail, Mailbox } from "./Mailbox.ts"
import { load } from "../state/Load.ts"
import type { LoadedState } from "../state/LoadedState.ts"
import type { ActivationOptions, ActivationSelf } from "./ActivationOptions.ts"
import { CommandBatch, forgotten, moving, refuseAll, unavailable } from "../commit/CommandBatch.ts"
import { apart, refusalOf } from "../commit/RefusedCommit.ts"
import { SecretFault } from "../SecretBox.ts"
import { Setbacks } from "../commit/Setbacks.ts"
import { BackgroundWork } from "../background/BackgroundWork.ts"
import { weightOf } from "../state/Weight.ts"

const doubtful = unavailable(
  "CommitInDoubt",
  "the outcome is not known yet; send the same request id again to learn it"
)

/** Average number of events per entry beyond which a snapshot is taken earlier, so that loading stays fast. */
const eventsAnEntry = 8

/** A commit takes no further mail once it has this weight; the remaining mail goes into the next commit. */
const commitWeight = 4 * 1024 * 1024
/** The same for its rows and messages. */
const commitWrites = 2_048
/**
 * A snapshot is also taken when the entries since the last one weigh at least this much and at least twice as much as
 * that snapshot. A large state is then not rewritten for each of its changes, and loading reads at most about three
 * times the weight of the state.
 */
const unfoldedWeight = 4 * 1024 * 1024

const asleep: WakeRow = { dueAt: null, resident: false }

const isRefused = (failure: CommitFailed | StoreUnavailable): failure is CommitFailed =>
  failure._tag === "CommitFailed" && failure.reason === "Refused"

/** The actor's mail. */
export interface Post {
  readonly mailbox: Mailbox
  /** Adds mail and has it decided. */
  readonly offer: (mail: Mail) => void
}

interface ChangedView {
  readonly row: NonNullable<Commit["view"]>
  readonly digest: number
}

export class LoadedActor {
  readonly #options: ActivationOptions
  readonly #address: ActorAddress
  readonly #post: Post
  readonly #epoch: number
  #memory!: LoadedState
  #wake: WakeRow = asleep
  /** Digest of the view that was committed last; the view itself may be long. */
  #viewDigest: number | undefined
  /** A view that was found to be the one that was committed last: it need not be encoded to compare it again. */
  #unchangedView: View<unknown> | undefined
  /** Undefined when no background work is running. */
  #background: BackgroundWork | undefined
  readonly #setbacks = new Setbacks()
  /** Undefined when the actor uses no resources. */
  readonly #resource: CurrentResource | undefined
  #isLoaded = false
  #hasEnded = false

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
      this.#wake = wake ?? asleep
      if (this.#resource !== undefined) yield* this.#resource.start(memory.state)
      yield* this.#resume(outbox)
      yield* this.#snapshot()
      yield* ActorMetrics.loaded(this.#address.entityType)
      this.#isLoaded = true
    })
  }

  /** Decides the mail, batch by batch, until the mailbox is empty. */
  get batches(): Effect.Effect<void, CommitFailed | StoreUnavailable> {
    return Effect.gen({ self: this }, function* () {
      const { mailbox } = this.#post
      while (!mailbox.isEmpty) {
        const mails = mailbox.take(this.#options.maxBatch)
        yield* ActorMetrics.mailFound(this.#address.entityType, mails.length)
        yield* Effect.catchIf(this.#runBatch(mails, true), isRefused, () => this.#apart(mails)).pipe(
          Effect.onError(() => Effect.sync(() => refuseAll(mails, doubtful)))
        )
      }
    })
  }

  /** Interrupts the background work and waits until it has ended. */
  get end(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#hasEnded = true
      const ended = this.#background?.end ?? Effect.void
      if (!this.#isLoaded) return ended
      this.#isLoaded = false
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

  /**
   * Handles mail of which the store has refused some content. Each part is decided and committed separately, so that
   * only the invalid part fails.
   */
  #apart(mails: ReadonlyArray<Mail>): Effect.Effect<void, CommitFailed | StoreUnavailable> {
    return Effect.gen({ self: this }, function* () {
      const { definition } = this.#options
      for (const mail of mails) {
        const now = yield* Clock.currentTimeMillis
        const due = (definition.timers?.(this.#memory.state) ?? []).filter(
          ({ at, key }) => at <= now && !this.#setbacks.isPutOff(key, now)
        )
        const { answer, isOver, parts } = apart(
          mail,
          due.map(({ key }) => key)
        )
        for (const part of parts) {
          if (isOver()) break
          yield* Effect.catchIf(this.#runBatch([part], false), isRefused, (failure) => this.#refused(part, failure))
        }
        answer()
      }
      yield* this.#tellSetbacks
    })
  }

  /** A refused message becomes a dead one; the store has held its payload before, so it holds it again. */
  #refused(mail: Mail, failure: CommitFailed): Effect.Effect<void, CommitFailed | StoreUnavailable> {
    if (mail._tag === "Delivery" && mail.unstorable === undefined) {
      const dead = { ...mail, unstorable: failure.message }
      return Effect.catchIf(this.#runBatch([dead], false), isRefused, (again) => this.#refused(dead, again))
    }
    return Effect.map(Clock.currentTimeMillis, (now) => refusalOf(mail, failure, now, this.#setbacks))
  }

  get #tellSetbacks(): Effect.Effect<void> {
    const { entityId, entityType } = this.#address
    return Effect.forEach(
      this.#setbacks.take(),
      ({ becomes, cause, what }) =>
        Effect.andThen(
          ActorMetrics.setBack(entityType),
          Effect.logError(`An actor cannot take ${what}: ${becomes}`, cause)
        ),
      { discard: true }
    ).pipe(Effect.annotateLogs({ entityType, entityId }))
  }

  /**
   * Decides and commits one batch. Mail that does not fit into the commit is removed from `mails` and put back into
   * the mailbox. `proposing`: a signal from `propose` may be added to the commit.
   */
  #runBatch(mails: Array<Mail>, proposing: boolean): Effect.Effect<void, CommitFailed | StoreUnavailable> {
    return Effect.gen({ self: this }, function* () {
      const { codec, definition, journal, ownership, quiet } = this.#options
      const address = this.#address
      if (ownership.epochOf(address.shardId) !== this.#epoch) {
        refuseAll(mails, moving)
        return yield* new CommitFailed({ reason: "Fenced", message: "the shard is no longer owned under this epoch" })
      }
      const now = yield* Clock.currentTimeMillis
      const ids = forgotten(mails, this.#memory)
      const found = ids.length === 0 ? [] : yield* journal.findAnswers(address, ids)
      const resource = this.#resource
      const context = { entityId: address.entityId, now, epoch: this.#epoch, resource: resource?.value }
      const pending = new PendingCommit(definition, codec, context, this.#memory.state, this.#memory.seq)
      const batch = new CommandBatch(definition, codec, this.#memory, pending, now, found, quiet, this.#setbacks)
      let decided = 0
      const isFull = () => pending.weight >= commitWeight || pending.writes >= commitWrites || pending.needsResource
      while (decided < mails.length && !isFull()) batch.decide(mails[decided++]!)
      if (decided < mails.length) this.#post.mailbox.putBack(mails.splice(decided))
      if (this.#setbacks.isUntold) yield* this.#tellSetbacks
      if (pending.entries.length === 0) {
        yield* this.#take(pending)
        batch.answer()
        return pending.told.length === 0 ? undefined : yield* this.#startWork([], pending.told)
      }
      const next = pending.needsResource ? yield* resource!.next(pending.state) : undefined
      const proposal = proposing && next === undefined ? yield* this.#proposal(pending, now) : undefined
      if (proposal !== undefined) batch.decide({ _tag: "Signal", signal: proposal.signal, resume: () => {} })
      const view = this.#changedView(pending.state)
      if (next !== undefined) pending.rows.push(...resourceUse(address, next.key))
      const commit = this.#commit(pending, view?.row)
      yield* ActorMetrics.timeCommit(address.entityType, pending.entries.length, journal.append(commit))
      const before = this.#memory.state
      this.#memory.state = pending.state
      this.#memory.seq = pending.seq
      for (const { events } of pending.entries) this.#memory.unfolded += events.length
      this.#memory.unfoldedWeight += pending.weight
      for (const { answer, payloadHash, requestId } of batch.fresh) {
        this.#memory.answered.add(requestId, payloadHash, answer)
      }
      if (next !== undefined) resource!.value = next.value
      this.#wake = commit.wake ?? this.#wake
      if (view !== undefined) {
        this.#viewDigest = view.digest
        this.#unchangedView = undefined
      }
      yield* this.#take(pending)
      batch.answer()
      for (const reason of batch.dead) yield* ActorMetrics.messageDied(address.entityType, reason)
      if (this.#options.onCommitted !== undefined) {
        yield* this.#options.onCommitted(pending.entries.flatMap(({ events }) => events) as never, before)
      }
      if (proposal !== undefined) yield* proposal.onCommitted
      yield* this.#startWork(pending.outbox, pending.told)
      yield* this.#snapshot()
    })
  }

  /** Before the replies: who hands something over, and hears that it was heard, says it no more. */
  #take({ handed }: PendingCommit): Effect.Effect<void> {
    const { take } = this.#options
    return handed.length === 0 || take === undefined ? Effect.void : take(handed, this.#self())
  }

  /** A `propose` that dies is ignored: an activity reports the same and logs its own failure. */
  #proposal({ state }: PendingCommit, now: number) {
    const { propose } = this.#options
    return propose === undefined ? Effect.undefined : Effect.catchCause(propose(state, now), () => Effect.undefined)
  }

  #commit(pending: PendingCommit, view: Commit["view"]): Commit {
    const { definition } = this.#options
    const wake = this.#wakeOf(pending.state)
    const changed = wake.dueAt !== this.#wake.dueAt || wake.resident !== this.#wake.resident
    return {
      address: this.#address,
      epoch: this.#epoch,
      entries: pending.entries,
      outbox: pending.outbox,
      rows: pending.rows,
      texts: pending.texts,
      weight: pending.weight,
      ...(changed && (definition.timers !== undefined || definition.activities !== undefined) ? { wake } : {}),
      ...(view === undefined ? {} : { view })
    }
  }

  #wakeOf(state: unknown): WakeRow {
    const { definition } = this.#options
    let dueAt: number | null = null
    for (const { at } of definition.timers?.(state) ?? []) dueAt = dueAt === null ? at : Math.min(dueAt, at)
    const resident = (definition.activities?.(state) ?? []).length > 0
    return dueAt === null && !resident ? asleep : { dueAt, resident }
  }

  /** The view when it differs from the one that was committed last. */
  #changedView(state: unknown): ChangedView | undefined {
    const { definition, encodeView } = this.#options
    if (encodeView === undefined) return undefined
    const view = definition.view?.of(state, this.#address.entityId)
    if (view !== undefined && view === this.#unchangedView) return undefined
    const row = encodeView(view)
    const digest = digestOf(JSON.stringify(row))
    if (digest !== this.#viewDigest) return { row, digest }
    this.#unchangedView = view
    return undefined
  }

  /** Starts what the state asks for: activities, relays, the next wake-up. */
  #startWork(outbox: ReadonlyArray<OutboxMessage>, told: ReadonlyArray<Outgoing>): Effect.Effect<void> {
    const wanted = this.#wanted()
    const isIdle = outbox.length === 0 && told.length === 0 && wanted.length === 0
    if (this.#background === undefined && isIdle) return Effect.void
    return this.#undertaking.begin(outbox, told, wanted)
  }

  /** The same after loading. */
  #resume(outbox: Piece<OutboxMessage>): Effect.Effect<void, StoreUnavailable> {
    const wanted = this.#wanted()
    const { clock, definition } = this.#options
    const now = clock.currentTimeMillisUnsafe()
    const { entityId } = this.#address
    const context = { entityId, epoch: this.#epoch, now, seq: this.#memory.seq + 1 }
    const told = definition.retells?.(this.#memory.state, context) ?? []
    return outbox.items.length === 0 && told.length === 0 && wanted.length === 0
      ? Effect.void
      : this.#undertaking.resume(outbox, told, wanted)
  }

  /** The activities that the state wants. Also arms the next wake-up. */
  #wanted(): ReadonlyArray<unknown> {
    const { definition, wakes } = this.#options
    const { state } = this.#memory
    if (definition.timers !== undefined) wakes.arm(this.#address, this.#wakeOf(state).dueAt ?? undefined)
    return definition.activities?.(state) ?? []
  }

  get #undertaking(): BackgroundWork {
    return (this.#background ??= new BackgroundWork(
      this.#options,
      this.#address,
      this.#self(),
      () => (this.#background = undefined)
    ))
  }

  /** A snapshot whose secrets cannot be encrypted is not taken; its entries stay in the journal. */
  #snapshot(): Effect.Effect<void> {
    const { definition, journal } = this.#options
    const memory = this.#memory
    const every = definition.snapshotEvery ?? 256
    const isDue = memory.seq - memory.snapshotSeq >= every || memory.unfolded >= every * eventsAnEntry
    const isHeavy = memory.unfoldedWeight >= Math.max(unfoldedWeight, 2 * memory.snapshotWeight)
    if (!isDue && !isHeavy) return Effect.void
    const state = this.#encodedState
    memory.snapshotSeq = memory.seq
    memory.unfolded = 0
    memory.unfoldedWeight = 0
    if (state instanceof SecretFault) return this.#untaken(state)
    memory.snapshotWeight = weightOf(state)
    const ended = definition.isEnded?.(memory.state) ?? false
    const snapshot = { seq: memory.seq, version: definition.stateVersion, state, ended }
    return Effect.asVoid(
      this.#undertaking.fork(Effect.ignore(journal.saveSnapshot(this.#address, this.#epoch, snapshot)))
    )
  }

  get #encodedState(): unknown {
    try {
      return this.#options.codec.encodeState(this.#memory.state as never, this.#address.entityId)
    } catch (defect) {
      if (defect instanceof SecretFault) return defect
      throw defect
    }
  }

  #untaken(fault: SecretFault): Effect.Effect<void> {
    const { entityId, entityType } = this.#address
    return Effect.logError(`No snapshot is taken of an actor, and its history is kept: ${fault.message}`).pipe(
      Effect.annotateLogs({ event: "secret.fault", entityType, entityId })
    )
  }
}
