/** Texts of tasks and turns, read from the in-memory journal, for tests and simulation. */
import { Effect, Layer } from "effect"
import { MemoryStore } from "../../actor/memory/MemoryJournal.ts"
import { sessionOf } from "../../schema/runs/Attempt.ts"
import type { HeldPayload } from "../../schema/Task.ts"
import { Payloads } from "../../ports/Payloads.ts"

export const layer: Layer.Layer<Payloads, never, MemoryStore> = Layer.effect(
  Payloads,
  Effect.map(MemoryStore, ({ tables }) =>
    Payloads.of({
      of: (attempt) =>
        Effect.sync((): HeldPayload | undefined => {
          const { taskId, tenantId, turnId } = attempt
          if (taskId !== undefined) {
            const row = tables.get("tasks")?.get(`${tenantId}/${taskId}`)
            return (row?.["spec"] as { readonly payload: HeldPayload } | undefined)?.payload
          }
          return tables.get("turns")?.get(`${tenantId}/${sessionOf(attempt)}/${turnId}`) as HeldPayload | undefined
        })
    })
  )
)
