/**
 * Decides and commits the mail of a loaded actor, batch by batch. It runs for each command, so the usual way is plain
 * code with one effect in it, the commit: mail is decided, the commit is written, memory follows, and the callers are
 * answered.
 */
import { Effect } from "effect"
import type { Handed, Outgoing } from "../Actor.ts"
import { CommandBatch, forgotten, moving, refuseAll, unavailable } from "../commit/CommandBatch.ts"
import type { Derived, DerivedRows, Wanted } from "../commit/DerivedRows.ts"
import { PendingCommit } from "../commit/PendingCommit.ts"
import type { Setbacks } from "../commit/Setbacks.ts"
import {
  type ActorAddress,
  type Commit,
  CommitFailed,
  type OutboxMessage,
  type RecordedAnswer,
  type StoreUnavailable
} from "../Journal.ts"
import { resourceUse } from "../Resources.ts"
import type { CurrentResource, NextResource } from "../state/CurrentResource.ts"
import type { LoadedState } from "../state/LoadedState.ts"
import type { ActivationOptions, Proposal } from "./ActivationOptions.ts"
import type { Mail, Mailbox } from "./Mailbox.ts"
import { decideApart, isRefused, reported } from "./RefusedMail.ts"

const doubtful = unavailable(
  "CommitInDoubt",
  "the outcome is not known yet; send the same request id again to learn it"
)

/** A commit takes no further mail once it has this weight; the remaining mail goes into the next commit. */
const commitWeight = 4 * 1024 * 1024
/** The same for its rows and messages. */
const commitWrites = 2_048

const none: ReadonlyArray<Mail> = []
const noAnswers: ReadonlyArray<RecordedAnswer> = []

const fenced = new CommitFailed({ reason: "Fenced", message: "the shard is no longer owned under this epoch" })

/** What the batches of an actor are decided on, and what they change. */
export interface BatchParts {
  readonly address: ActorAddress
  readonly epoch: number
  readonly mailbox: Mailbox
  readonly memory: LoadedState
  readonly derived: DerivedRows
  readonly setbacks: Setbacks
  /** Undefined when the actor uses no resources. */
  readonly resource: CurrentResource | undefined
  /** Takes what decisions hand to the shell. Undefined: the shell takes nothing. */
  readonly take: (handed: ReadonlyArray<Handed>) => Effect.Effect<void> | undefined
  /** What is to be run after a commit: relays, activities, a snapshot. Undefined: nothing. */
  readonly follow: (
    outbox: ReadonlyArray<OutboxMessage>,
    told: ReadonlyArray<Outgoing>,
    wanted: Wanted
  ) => Effect.Effect<void> | undefined
}

/** A batch that has been decided. `isWhole`: it is the batch as it was taken, and not a part of it. */
interface Decided {
  readonly pending: PendingCommit
  readonly batch: CommandBatch
  readonly isWhole: boolean
  readonly now: number
}

export class Batches {
  readonly #options: ActivationOptions
  readonly #parts: BatchParts
  /** Mail that was taken and has no answer yet. */
  #taken: ReadonlyArray<Mail> = none

  constructor(options: ActivationOptions, parts: BatchParts) {
    this.#options = options
    this.#parts = parts
  }

  /** Decides the next batch and commits it. */
  next(): Effect.Effect<void, CommitFailed | StoreUnavailable> {
    const mails = this.#parts.mailbox.take(this.#options.maxBatch)
    this.#taken = mails
    this.#options.metrics.mailFound(mails.length)
    return Effect.catchIf(
      Effect.suspend(() => this.#run(mails, true)),
      isRefused,
      () => this.#apart(mails)
    )
  }

  /** Refuses the mail of a batch that has failed or was interrupted. */
  refuse(): void {
    const taken = this.#taken
    this.#taken = none
    refuseAll(taken, doubtful)
  }

  #apart(mails: ReadonlyArray<Mail>): Effect.Effect<void, CommitFailed | StoreUnavailable> {
    const { clock, definition } = this.#options
    const { address, memory, setbacks } = this.#parts
    return decideApart(mails, {
      address,
      setbacks,
      now: () => clock.currentTimeMillisUnsafe(),
      timers: () => definition.timers?.(memory.state) ?? [],
      run: (part) => Effect.suspend(() => this.#run([part], false)),
      left: (unanswered) => (this.#taken = unanswered)
    })
  }

  #run(mails: Array<Mail>, isWhole: boolean): Effect.Effect<void, CommitFailed | StoreUnavailable> {
    const { journal, ownership } = this.#options
    const { address, epoch, memory } = this.#parts
    if (ownership.epochOf(address.shardId) !== epoch) {
      if (isWhole) this.#taken = none
      refuseAll(mails, moving)
      return Effect.fail(fenced)
    }
    const ids = forgotten(mails, memory)
    if (ids.length === 0) return this.#decide(mails, isWhole, noAnswers)
    return Effect.flatMap(journal.findAnswers(address, ids), (found) => this.#decide(mails, isWhole, found))
  }

  /** Mail that does not fit into the commit is removed from `mails` and put back into the mailbox. */
  #decide(
    mails: Array<Mail>,
    isWhole: boolean,
    found: ReadonlyArray<RecordedAnswer>
  ): Effect.Effect<void, CommitFailed | StoreUnavailable> {
    const { clock, codec, definition, quiet } = this.#options
    const { address, epoch, mailbox, memory, resource, setbacks } = this.#parts
    const now = clock.currentTimeMillisUnsafe()
    const context = { entityId: address.entityId, now, epoch, resource: resource?.value }
    const pending = new PendingCommit(definition, codec, context, memory.state, memory.seq)
    const batch = new CommandBatch(definition, codec, memory, pending, now, found, quiet, setbacks)
    let count = 0
    const isFull = () => pending.weight >= commitWeight || pending.writes >= commitWrites || pending.needsResource
    while (count < mails.length && !isFull()) batch.decide(mails[count++]!)
    if (count < mails.length) mailbox.putBack(mails.splice(count))
    const decided = { pending, batch, isWhole, now }
    return setbacks.isUntold
      ? Effect.andThen(
          reported(setbacks, address),
          Effect.suspend(() => this.#finish(decided))
        )
      : this.#finish(decided)
  }

  #finish(decided: Decided): Effect.Effect<void, CommitFailed | StoreUnavailable> {
    const { isWhole, pending } = decided
    if (pending.entries.length === 0) return this.#afterTaken(decided, () => this.#unchanged(decided))
    if (pending.needsResource) {
      return Effect.flatMap(this.#parts.resource!.next(pending.state), (next) => this.#write(decided, next))
    }
    const { propose } = this.#options
    if (propose === undefined || !isWhole) return this.#write(decided)
    /** One that dies is ignored: an activity reports the same and logs its own failure. */
    const proposal = Effect.catchCause(propose(pending.state, decided.now), () => Effect.undefined)
    return Effect.flatMap(proposal, (found) => this.#write(decided, undefined, found))
  }

  /**
   * The shell takes what was handed to it before the replies: who hands something over, and hears that it was heard,
   * says it no more.
   */
  #afterTaken<E>({ pending: { handed } }: Decided, rest: () => Effect.Effect<void, E>): Effect.Effect<void, E> {
    const taking = handed.length === 0 ? undefined : this.#parts.take(handed)
    return taking === undefined ? rest() : Effect.flatMap(taking, rest)
  }

  #answer({ batch, isWhole }: Decided): void {
    if (isWhole) this.#taken = none
    batch.answer()
  }

  /** Nothing was decided that is to be stored; but rows of earlier commits may be owed. */
  #unchanged(decided: Decided): Effect.Effect<void, CommitFailed | StoreUnavailable> {
    this.#answer(decided)
    const { derived, follow, memory } = this.#parts
    const { told } = decided.pending
    const wanted = derived.wanted(memory.state)
    if ((derived.owedAt(wanted) ?? Infinity) <= decided.now) return this.#write(decided)
    return (told.length === 0 ? undefined : follow([], told, wanted)) ?? Effect.void
  }

  #write(
    decided: Decided,
    next?: NextResource,
    proposal?: Proposal<{ readonly _tag: string }>
  ): Effect.Effect<void, CommitFailed | StoreUnavailable> {
    const { clock, journal, metrics } = this.#options
    const { address, epoch } = this.#parts
    const { batch, pending } = decided
    if (proposal !== undefined) batch.decide({ _tag: "Signal", signal: proposal.signal, resume: () => {} })
    if (next !== undefined) pending.rows.push(...resourceUse(address, next.key))
    const derived = this.#parts.derived.of(pending.state, decided.now)
    const { view, wake } = derived
    const commit: Commit = {
      address,
      epoch,
      entries: pending.entries,
      outbox: pending.outbox,
      rows: pending.rows,
      texts: pending.texts,
      weight: pending.weight,
      ...(wake === undefined ? {} : { wake }),
      ...(view === undefined ? {} : { view: view.row })
    }
    const startedAt = clock.currentTimeNanosUnsafe()
    return Effect.flatMap(journal.append(commit), () => {
      const seconds = Number(clock.currentTimeNanosUnsafe() - startedAt) / 1e9
      if (pending.entries.length > 0) metrics.committed(seconds, pending.entries.length)
      return this.#committed(decided, derived, next, proposal)
    })
  }

  /** Memory follows the commit. */
  #committed(
    decided: Decided,
    derived: Derived,
    next: NextResource | undefined,
    proposal: Proposal<unknown> | undefined
  ): Effect.Effect<void> {
    const { derived: rows, memory, resource } = this.#parts
    const { batch, pending } = decided
    const before = memory.state
    memory.state = pending.state
    memory.seq = pending.seq
    for (const { events } of pending.entries) memory.unfolded += events.length
    memory.unfoldedWeight += pending.weight
    for (const { answer, payloadHash, requestId } of batch.fresh) memory.answered.add(requestId, payloadHash, answer)
    if (next !== undefined) resource!.value = next.value
    rows.written(derived, decided.now)
    if (pending.entries.length === 0) return this.#parts.follow([], pending.told, derived.wanted) ?? Effect.void
    return this.#afterTaken(decided, () => this.#begin(decided, derived, before, proposal))
  }

  /** The callers are answered, and what the commit asks for is begun. */
  #begin(
    decided: Decided,
    derived: Derived,
    before: unknown,
    proposal: Proposal<unknown> | undefined
  ): Effect.Effect<void> {
    const { batch, pending } = decided
    this.#answer(decided)
    for (const reason of batch.dead) this.#options.metrics.messageDied(reason)
    const { onCommitted } = this.#options
    const follow = this.#parts.follow(pending.outbox, pending.told, derived.wanted)
    if (onCommitted === undefined && proposal === undefined) return follow ?? Effect.void
    const told = onCommitted?.(pending.entries.flatMap(({ events }) => events) as never, before) ?? Effect.void
    const proposed = proposal === undefined ? told : Effect.andThen(told, proposal.onCommitted)
    return follow === undefined ? proposed : Effect.andThen(proposed, follow)
  }
}
