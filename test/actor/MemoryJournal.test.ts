import { Effect, Layer } from "effect"
import * as MemoryJournal from "../../src/actor/MemoryJournal.ts"
import { conformance } from "../conformance/Journal.ts"

conformance({
  name: "memory",
  layer: MemoryJournal.layer.pipe(Layer.provideMerge(MemoryJournal.MemoryStore.layer)),
  grant: (shardId) =>
    Effect.map(MemoryJournal.MemoryStore, ({ epochs }) => {
      const epoch = (epochs.get(shardId) ?? 0) + 1
      epochs.set(shardId, epoch)
      return epoch
    })
})
