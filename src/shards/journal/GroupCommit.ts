/**
 * The journal's group commit: what many actors of one runner commit at the same moment goes in one statement
 * (WriteBatcher.ts), under the epochs of all their shards. Commits under a lost epoch are refused, and the others of
 * their group are written one by one. One that the store refuses for its content fails alone.
 */
import { Effect, Exit } from "effect"
import { type Commit, CommitFailed } from "../../actor/Journal.ts"
import * as JournalMetrics from "../../observability/metrics/JournalMetrics.ts"
import * as WriteBatcher from "./WriteBatcher.ts"

/** A shard as one commit of a group has it. A group may name a shard under two epochs. */
export interface Claim {
  readonly shardId: string
  readonly epoch: number
}

export const claimKey = ({ epoch, shardId }: Claim): string => `${shardId} ${epoch}`
const claimOf = ({ address, epoch }: Commit) => claimKey({ shardId: address.shardId, epoch })

/**
 * One statement: all of the group or nothing. Answers the claims of the group (`claimKey`) that hold; when one is
 * missing, nothing was written.
 */
export type WriteGroup = (
  commits: ReadonlyArray<Commit>
) => Effect.Effect<ReadonlySet<string>, WriteBatcher.WriteFailed>

const fenced = Exit.fail(new CommitFailed({ reason: "Fenced", message: "another runner has the shard" }))
const taken = new CommitFailed({ reason: "SequenceTaken", message: "another writer was first" })

const failed = ({ message, reason }: WriteBatcher.WriteFailed): CommitFailed => {
  if (reason === "Conflict") return taken
  return new CommitFailed({ reason: reason === "Content" ? "Refused" : "InDoubt", message })
}

export const make = (write: WriteGroup) =>
  WriteBatcher.make<Commit, void, CommitFailed>({
    write: (commits) =>
      JournalMetrics.timeFlush(commits.length, write(commits)).pipe(
        Effect.map((valid) => {
          const written = commits.every((commit) => valid.has(claimOf(commit)))
          return commits.map((commit) => (written ? Exit.void : valid.has(claimOf(commit)) ? undefined : fenced))
        })
      ),
    failed,
    rowsOf: ({ entries }) => entries.length,
    weigh: ({ weight = 0 }) => weight
  })
