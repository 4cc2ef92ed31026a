/** One life of an actor in memory: from loading it to the first commit that fails. */
import { Clock, Effect, type Latch, type Scope } from "effect"
import * as ActorMetrics from "../observability/ActorMetrics.ts"
import { Activities } from "./Activities.ts"
import type { Answer } from "./Actor.ts"
import { Batch } from "./Batch.ts"
import type { Hold } from "./Hold.ts"
import { type Commit, CommitFailed, type OutboxMessage, type StoreUnavailable, type WakeRow } from "./Journal.ts"
import type { Mail, Mailbox } from "./Mailbox.ts"
import { fold, type Memory } from "./Memory.ts"
import { OutboxPump } from "./OutboxPump.ts"
import type { ResidentOptions, ResidentSelf } from "./Resident.ts"
import { forgotten, refuseAll, Round } from "./Round.ts"

const moving = "the actor is moving; send the same request again"
const doubtful = "the outcome is not known yet; send the same request id again to learn it"

/** Entries with more events than this on average bring the snapshot forward, so that loading stays as quick. */
const eventsAnEntry = 8

export class Life {
  readonly #options: ResidentOptions
  readonly #mailbox: Mailbox
  readonly #hold: Hold
  readonly #loaded: Latch.Latch
  readonly #epoch: number
  readonly #pump: OutboxPump
  #scope!: Scope.Scope
  #memory!: Memory
  #activities!: Activities<any>
  #wake!: WakeRow
  #viewText: string | undefined
  #clock!: Clock.Clock
  #isAtRest = false

  constructor(options: ResidentOptions, mailbox: Mailbox, hold: Hold, loaded: Latch.Latch, epoch: number) {
    this.#options = options
    this.#mailbox = mailbox
    this.#hold = hold
    this.#loaded = loaded
    this.#epoch = epoch
    this.#pump = new OutboxPump(options.address, options.journal, options.deliver, () => this.#settle())
  }

  readonly run: Effect.Effect<never, CommitFailed | StoreUnavailable, Scope.Scope> = Effect.gen(
    { self: this },
    function*() {
      const { address, answersKept, codec, definition, journal } = this.#options
      this.#scope = yield* Effect.scope
      const stored = yield* journal.load(address, definition.stateVersion)
      this.#memory = fold(definition, codec, address.entityId, stored, answersKept)
      this.#wake = stored.wake ?? { dueAt: null, resident: false }
      this.#activities = new Activities(this.#scope, (activity) => this.#options.perform(activity, this.#self()))
      yield* this.#undertake(stored.outbox, true)
      this.#loaded.openUnsafe()
      yield* ActorMetrics.loaded(address.entityType)
      yield* Effect.addFinalizer(() => ActorMetrics.dropped(address.entityType))
      this.#clock = yield* Clock.Clock
      yield* Effect.addFinalizer(() => Effect.sync(() => (this.#isAtRest = false)))
      while (true) {
        this.#isAtRest = true
        yield* this.#mailbox.ready
        this.#isAtRest = false
        const mails = this.#mailbox.take(this.#options.maxBatch)
        yield* ActorMetrics.mailFound(address.entityType, mails.length)
        yield* this.#round(mails).pipe(
          Effect.onError(() => Effect.sync(() => refuseAll(mails, doubtful)))
        )
      }
    }
  )

  /**
   * Answers a new request at once, when it changes nothing and nothing is decided or committed before it. Undefined: it must go by the
   * mailbox. What is read is committed, under an epoch that still holds.
   */
  peek(tag: string, payload: unknown, requestId: string): Answer<unknown, unknown> | undefined {
    const { address, definition, ownership, quiet } = this.#options
    if (!quiet.has(tag) || !this.#isAtRest || !this.#mailbox.isEmpty || this.#memory.answered.get(requestId) !== undefined) return undefined
    if (ownership.epochOf(address.shardId) !== this.#epoch) return undefined
    const context = { entityId: address.entityId, now: this.#clock.currentTimeMillisUnsafe(), epoch: this.#epoch, requestId }
    const decision = (definition.commands as any)[tag](this.#memory.state, payload, context)
    if (decision.events.length === 0 && decision.send.length === 0) return decision.answer
    quiet.delete(tag)
    return undefined
  }

  #self(): ResidentSelf {
    return {
      entityId: this.#options.address.entityId,
      epoch: this.#epoch,
      tell: (signal) =>
        Effect.callback((resume) => this.#mailbox.offer({ _tag: "Signal", signal, resume: resume as never })),
      state: Effect.sync(() => this.#memory.state)
    }
  }

  #round(mails: ReadonlyArray<Mail>): Effect.Effect<void, CommitFailed | StoreUnavailable> {
    return Effect.gen({ self: this }, function*() {
      const { address, codec, definition, journal, ownership, quiet } = this.#options
      if (ownership.epochOf(address.shardId) !== this.#epoch) {
        refuseAll(mails, moving)
        return yield* new CommitFailed({ reason: "Fenced", message: "the shard is no longer owned under this epoch" })
      }
      const now = yield* Clock.currentTimeMillis
      const ids = forgotten(mails, this.#memory)
      const found = ids.length === 0 ? [] : yield* journal.findAnswers(address, ids)
      const context = { entityId: address.entityId, now, epoch: this.#epoch }
      const batch = new Batch(definition, codec, context, this.#memory.state, this.#memory.seq)
      const round = new Round(definition, codec, this.#memory, batch, now, found, quiet)
      for (const mail of mails) round.decide(mail)
      if (batch.entries.length === 0) return round.answer()
      const commit = this.#commit(batch)
      yield* ActorMetrics.timeCommit(address.entityType, batch.entries.length, journal.append(commit))
      this.#memory.state = batch.state
      this.#memory.seq = batch.seq
      for (const { events } of batch.entries) this.#memory.unfolded += events.length
      for (const { answer, payloadHash, requestId } of round.fresh) {
        this.#memory.answered.add(requestId, payloadHash, answer)
      }
      this.#wake = commit.wake ?? this.#wake
      round.answer()
      if (this.#options.onCommitted !== undefined) {
        yield* this.#options.onCommitted(batch.entries.flatMap(({ events }) => events) as never)
      }
      yield* this.#undertake(batch.outbox, false)
      yield* this.#snapshot()
    })
  }

  #commit(batch: Batch): Commit {
    const { address, definition } = this.#options
    const wake = this.#wakeOf(batch.state)
    const changed = wake.dueAt !== this.#wake.dueAt || wake.resident !== this.#wake.resident
    const view = this.#viewOf(batch.state)
    return {
      address,
      epoch: this.#epoch,
      entries: batch.entries,
      outbox: batch.outbox,
      rows: batch.rows,
      ...(changed && (definition.timers !== undefined || definition.activities !== undefined) ? { wake } : {}),
      ...(view === undefined ? {} : { view })
    }
  }

  #wakeOf(state: unknown): WakeRow {
    const { definition } = this.#options
    let dueAt: number | null = null
    for (const { at } of definition.timers?.(state) ?? []) dueAt = dueAt === null ? at : Math.min(dueAt, at)
    return { dueAt, resident: (definition.activities?.(state) ?? []).length > 0 }
  }

  #viewOf(state: unknown): Commit["view"] {
    const { address, definition } = this.#options
    if (definition.view === undefined) return undefined
    const view = definition.view(state, address.entityId)
    const doc = view?.doc ?? null
    const text = JSON.stringify(doc)
    if (text === this.#viewText) return undefined
    this.#viewText = text
    return { tenantId: view?.tenantId ?? null, doc }
  }

  /** Begins what the state asks for: activities, relays, the next wake-up. */
  #undertake(outbox: ReadonlyArray<OutboxMessage>, again: boolean): Effect.Effect<void> {
    const { activities, timers } = this.#options.definition
    if (outbox.length === 0 && activities === undefined && timers === undefined) return Effect.void
    return Effect.gen({ self: this }, function*() {
      const { address, definition, wakes } = this.#options
      for (const relay of this.#pump.offer(outbox, again)) yield* Effect.forkIn(relay, this.#scope)
      if (definition.activities !== undefined) {
        yield* this.#activities.sync(definition.activities(this.#memory.state))
      }
      if (definition.timers !== undefined) wakes.arm(address, this.#wakeOf(this.#memory.state).dueAt ?? undefined)
      const hold = this.#hold.settle(this.#activities.busy || this.#pump.busy)
      if (hold !== undefined) yield* Effect.forkIn(hold, this.#scope)
    })
  }

  #settle(): void {
    if (!this.#activities.busy && !this.#pump.busy) this.#hold.settle(false)
  }

  #snapshot(): Effect.Effect<void> {
    const { address, codec, definition, journal } = this.#options
    const memory = this.#memory
    const every = definition.snapshotEvery ?? 256
    if (memory.seq - memory.snapshotSeq < every && memory.unfolded < every * eventsAnEntry) return Effect.void
    memory.snapshotSeq = memory.seq
    memory.unfolded = 0
    const snapshot = { seq: memory.seq, version: definition.stateVersion, state: codec.encodeState(memory.state as never) }
    return journal.saveSnapshot(address, this.#epoch, snapshot).pipe(
      Effect.ignore,
      Effect.forkIn(this.#scope),
      Effect.asVoid
    )
  }
}
