/** What a loaded actor remembers: its state as of `seq`, and the answers it gave last. */
import type { Definition } from "./Batch.ts"
import { Answered, type AnswersKept } from "./Answered.ts"
import type { ActorCodec } from "./Codec.ts"
import type { Loaded } from "./Journal.ts"

export interface Memory {
  state: unknown
  seq: number
  snapshotSeq: number
  /** Events since the last snapshot: what loading has to fold. */
  unfolded: number
  readonly answered: Answered
}

const theLast: AnswersKept = { number: 1, weight: 0 }

/** Throws when the journal does not continue the snapshot. */
export const fold = (
  definition: Definition,
  codec: ActorCodec<any, any>,
  entityId: string,
  loaded: Loaded,
  answersKept: AnswersKept = theLast
): Memory => {
  const answered = new Answered(answersKept, loaded.complete)
  const snapshotSeq = loaded.snapshot?.seq ?? 0
  let state = loaded.snapshot === undefined ? definition.initial(entityId) : codec.decodeState(loaded.snapshot.state)
  let seq = snapshotSeq
  let unfolded = 0
  for (const entry of loaded.entries) {
    if (entry.seq !== seq + 1) throw new Error(`the journal of ${entityId} has no entry ${seq + 1}`)
    for (const event of entry.events) state = definition.evolve(state, codec.decodeEvent(event))
    if (entry.requestId !== null && entry.answer !== null) answered.note(entry.requestId)
    seq = entry.seq
    unfolded += entry.events.length
  }
  if (seq < loaded.passedOver) {
    throw new Error(`the journal of ${entityId} was pruned up to a snapshot of another version, at ${loaded.passedOver}`)
  }
  return { state, seq, snapshotSeq, unfolded, answered }
}
