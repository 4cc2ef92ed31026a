/**
 * The journal's group commit: commits that many actors of one runner make at the same moment go into one statement
 * (WriteBatcher.ts), fenced by the epochs of all their shards. Commits under a lost epoch are refused, and the other
 * commits of their group are then written one by one. A commit that the store refuses for its content fails alone.
 */
import { Effect, Exit } from "effect"
import { type Commit, CommitFailed } from "../../actor/Journal.ts"
import * as JournalMetrics from "../../observability/metrics/JournalMetrics.ts"
import * as WriteBatcher from "./WriteBatcher.ts"

/** A shard and the epoch under which a commit writes it. A group may contain one shard under two epochs. */
export interface Claim {
  readonly shardId: string
  readonly epoch: number
}

export const claimKey = ({ epoch, shardId }: Claim): string => `${shardId} ${epoch}`
const claimOf = ({ address, epoch }: Commit) => claimKey({ shardId: address.shardId, epoch })

/**
 * Writes all of the group or nothing, in one statement. Returns the claims of the group (`claimKey`) that still hold;
 * when one is missing, nothing was written.
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
    rowsOf: ({ entries, outbox, rows }) => entries.length + outbox.length + rows.length,
    weigh: ({ weight = 0 }) => weight
  })
