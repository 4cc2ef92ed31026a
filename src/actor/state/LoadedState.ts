/** What a loaded actor holds in memory: its state as of `seq`, and its latest replies. */
import type { Definition } from "../commit/PendingCommit.ts"
import { ReplyCache, type AnswersKept } from "./ReplyCache.ts"
import type { ActorCodec } from "./Codec.ts"
import type { Entry, Loaded } from "../Journal.ts"
import { weightOf } from "./Weight.ts"

export interface LoadedState {
  state: unknown
  seq: number
  snapshotSeq: number
  /** Weight of the last snapshot taken by this activation; 0 before the first. */
  snapshotWeight: number
  /** Events since the last snapshot, which loading has to fold. */
  unfolded: number
  /** Weight of these events (Weight.ts), which loading has to read. */
  unfoldedWeight: number
  readonly answered: ReplyCache
}

/** The state at the snapshot, or the initial state. */
export const begin = (
  definition: Definition,
  codec: ActorCodec<any, any>,
  entityId: string,
  { complete, snapshot }: Pick<Loaded, "complete" | "snapshot">,
  answersKept: AnswersKept
): LoadedState => ({
  state: snapshot === undefined ? definition.initial(entityId) : codec.decodeState(snapshot.state, entityId),
  seq: snapshot?.seq ?? 0,
  snapshotSeq: snapshot?.seq ?? 0,
  snapshotWeight: 0,
  unfolded: 0,
  unfoldedWeight: 0,
  answered: new ReplyCache(answersKept, complete)
})

/** Applies entries. Throws when the first does not follow `memory.seq` or one is missing. */
export const fold = (
  definition: Definition,
  codec: ActorCodec<any, any>,
  entityId: string,
  memory: LoadedState,
  entries: ReadonlyArray<Entry>
): void => {
  for (const entry of entries) {
    if (entry.seq !== memory.seq + 1) throw new Error(`the journal of ${entityId} has no entry ${memory.seq + 1}`)
    for (const event of entry.events) {
      memory.state = definition.evolve(memory.state, codec.decodeEvent(event, entityId))
    }
    if (entry.requestId !== null && entry.answer !== null) memory.answered.note(entry.requestId)
    memory.seq = entry.seq
    memory.unfolded += entry.events.length
    memory.unfoldedWeight += weightOf(entry.events)
  }
}
