/** Resources in the virtual store. */
import { Effect, Layer } from "effect"
import { StoreUnavailable } from "../../actor/Journal.ts"
import * as MemoryResources from "../../actor/memory/MemoryResources.ts"
import { Resources } from "../../actor/Resources.ts"
import type { Host } from "../world/Host.ts"
import type { Database } from "./Database.ts"

export const layer = (database: Database, host: Host) =>
  Layer.sync(Resources, () => {
    const { get, keep, put } = MemoryResources.make(database.resources)
    const at = <A, E>(kind: "read" | "write", label: string, run: Effect.Effect<A, E>) =>
      database
        .statement(host, kind, label, () => Effect.runSyncExit(run))
        .pipe(
          Effect.mapError(({ message }) => new StoreUnavailable({ message })),
          Effect.flatten
        )
    return Resources.of({
      put: (resource) => at("write", "put a resource", put(resource)),
      get: (key) => at("read", `read resource ${key.slice(0, 8)}`, get(key)),
      keep: (key) => at("write", `keep resource ${key.slice(0, 8)}`, keep(key))
    })
  })
