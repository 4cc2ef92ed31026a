/**
 * Gathers what many actors of one runner want to write at the same moment into one statement. Each waits for its own commit; nothing is
 * acknowledged before it is durable.
 *
 * When a group cannot be written as a whole, it is taken apart: commits under a lost epoch are refused, and the others are written one
 * by one, so that a conflict hits only its own actor.
 */
import { Effect, Latch, Schema } from "effect"
import { type Commit, CommitFailed } from "../actor/Journal.ts"
import * as JournalMetrics from "../observability/JournalMetrics.ts"

/**
 * Why a group was not written. `Conflict`: a constraint refused a row. `Victim`: chosen as a deadlock's victim. Both: nothing was written.
 * `Unknown`: it may have been.
 */
export class WriteFailed extends Schema.TaggedError<WriteFailed>()("WriteFailed", {
  reason: Schema.Literals(["Conflict", "Victim", "Unknown"]),
  message: Schema.String
}) {}

/** A shard as one commit of a group has it. A group may name a shard under two epochs. */
export interface Claim {
  readonly shardId: string
  readonly epoch: number
}

export const claimKey = ({ epoch, shardId }: Claim): string => `${shardId} ${epoch}`
const claimOf = ({ address, epoch }: Commit) => claimKey({ shardId: address.shardId, epoch })

/** One statement: all of the group or nothing. Answers the claims of the group (`claimKey`) that hold; when one is missing, nothing was written. */
export type WriteGroup = (commits: ReadonlyArray<Commit>) => Effect.Effect<ReadonlySet<string>, WriteFailed>

interface Waiting {
  readonly commit: Commit
  readonly resume: (result: Effect.Effect<void, CommitFailed>) => void
}

/** Flushes under way at once: while one waits for the disk, the next is gathered. */
const flushesAtOnce = 2
const commitsAFlush = 512
const entriesAFlush = 4_096
const flushTimeout = "10 seconds"

const fenced = new CommitFailed({ reason: "Fenced", message: "another runner has the shard" })
const taken = new CommitFailed({ reason: "SequenceTaken", message: "another writer was first" })
const inDoubt = (message: string) => new CommitFailed({ reason: "InDoubt", message })

const nothing = Effect.void

export const make = Effect.fnUntraced(function*(write: WriteGroup) {
  let waiting: Array<Waiting> = []
  const wake = Latch.makeUnsafe(false)

  const take = (): ReadonlyArray<Waiting> => {
    let entries = 0
    let count = 0
    while (count < waiting.length && count < commitsAFlush && entries < entriesAFlush) {
      entries += waiting[count]!.commit.entries.length
      count++
    }
    const taken = waiting.slice(0, count)
    waiting = waiting.slice(count)
    if (waiting.length === 0) wake.closeUnsafe()
    return taken
  }

  const alone = ({ commit, resume }: Waiting): Effect.Effect<void> =>
    write([commit]).pipe(
      Effect.retry({ times: 3, while: ({ reason }) => reason === "Victim" }),
      Effect.timeout(flushTimeout),
      Effect.matchCause({
        onSuccess: (valid) => resume(valid.has(claimOf(commit)) ? nothing : Effect.fail(fenced)),
        onFailure: (cause) => {
          const conflict = cause.reasons.some((reason) =>
            reason._tag === "Fail" && reason.error._tag === "WriteFailed" && reason.error.reason === "Conflict"
          )
          resume(Effect.fail(conflict ? taken : inDoubt(String(cause))))
        }
      })
    )

  const settle = (group: ReadonlyArray<Waiting>, valid: ReadonlySet<string>): Effect.Effect<void> => {
    if (group.every(({ commit }) => valid.has(claimOf(commit)))) {
      for (const { resume } of group) resume(nothing)
      return Effect.void
    }
    for (const { commit, resume } of group) if (!valid.has(claimOf(commit))) resume(Effect.fail(fenced))
    return Effect.forEach(group.filter(({ commit }) => valid.has(claimOf(commit))), alone, { discard: true })
  }

  const flush = (group: ReadonlyArray<Waiting>): Effect.Effect<void> =>
    JournalMetrics.timeFlush(group.length, write(group.map(({ commit }) => commit))).pipe(
      Effect.timeout(flushTimeout),
      Effect.matchCauseEffect({
        onSuccess: (valid) => settle(group, valid),
        onFailure: (cause) => {
          const split = cause.reasons.some((reason) =>
            reason._tag === "Fail" && reason.error._tag === "WriteFailed" && reason.error.reason !== "Unknown"
          )
          if (split) return Effect.forEach(group, alone, { discard: true })
          const failure = Effect.fail(inDoubt(String(cause)))
          for (const { resume } of group) resume(failure)
          return Effect.void
        }
      })
    )

  const flusher = Effect.gen(function*() {
    yield* wake.await
    yield* Effect.yieldNow
    const group = take()
    if (group.length > 0) yield* flush(group)
  })
  for (let n = 0; n < flushesAtOnce; n++) yield* Effect.forkScoped(Effect.forever(flusher))
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const { resume } of waiting) resume(Effect.fail(inDoubt("the runner is stopping")))
    })
  )

  return (commit: Commit): Effect.Effect<void, CommitFailed> =>
    Effect.callback((resume) => {
      waiting.push({ commit, resume })
      wake.openUnsafe()
    })
})
