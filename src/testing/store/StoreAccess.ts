/**
 * Gives the read models of an actor's layer access to the virtual store: each read is one statement over the network.
 */
import { Context, type Effect } from "effect"
import type { MemoryStore } from "../../actor/memory/MemoryJournal.ts"
import type { Host } from "../world/Host.ts"
import type { Database, DatabaseFailed } from "./Database.ts"
import { isOwned, servedPlacements } from "./LeaseTable.ts"

/** What the store knows of the cluster when a statement arrives. */
export interface Seen {
  readonly now: number
  /** Whether a live runner owns the shard under this epoch. */
  readonly isOwned: (shardId: string, epoch: number) => boolean
}

export class StoreAccess extends Context.Service<
  StoreAccess,
  {
    /**
     * `read` runs when the statement arrives at the store. It must return at once and change nothing there. `served`
     * gives the placements that a live runner serves.
     */
    readonly read: <A>(
      label: string,
      read: (store: MemoryStore["Service"], served: () => ReadonlySet<string>, seen: Seen) => A
    ) => Effect.Effect<A, DatabaseFailed>
  }
>()("clawster/testing/StoreAccess") {
  static readonly over = (database: Database, host: Host): StoreAccess["Service"] => ({
    read: (label, read) =>
      database.statement(host, "read", label, () =>
        read(database.store, () => servedPlacements(database), {
          now: database.now,
          isOwned: (shardId, epoch) => isOwned(database, shardId, epoch)
        })
      )
  })
}
