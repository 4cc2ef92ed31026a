import { Effect, Layer } from "effect"
import * as MemoryJournal from "../../../src/actor/memory/MemoryJournal.ts"
import { taskTable } from "../../../src/entities/Lane/backlog/TaskRow.ts"
import { conformance } from "../../conformance/Journal.ts"
import { tenantId } from "../../entities/Lane/LaneWorld.ts"

conformance({
  name: "memory",
  layer: MemoryJournal.layer.pipe(Layer.provideMerge(MemoryJournal.MemoryStore.layer)),
  grant: (shardId) =>
    Effect.map(MemoryJournal.MemoryStore, ({ epochs }) => {
      const epoch = (epochs.get(shardId) ?? 0) + 1
      epochs.set(shardId, epoch)
      return epoch
    }),
  withTable: ({ name }) =>
    Effect.map(MemoryJournal.MemoryStore, ({ tables }) => Effect.sync(() => [...(tables.get(name)?.values() ?? [])])),
  viewOf: (address) => Effect.map(MemoryJournal.MemoryStore, (store) => MemoryJournal.stored(store, address).view),
  phaseOf: (taskId) =>
    Effect.map(
      MemoryJournal.MemoryStore,
      ({ tables }) => tables.get(taskTable.name)?.get(`${tenantId}/${taskId}`)?.["phase"] as string | undefined
    )
})
