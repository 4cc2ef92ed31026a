/** The service by which a workload adds machines to the running cluster and takes them away again. */
import { Context, Effect, type Scope } from "effect"
import type { Placement } from "../../schema/Ids.ts"
import type { Database, DatabaseFailed } from "../store/Database.ts"
import { servedPlacements } from "../store/LeaseTable.ts"
import type { Host } from "../world/Host.ts"

/** The part of the cluster that is changed. */
interface Changing {
  readonly client: Host
  readonly database: Database
  readonly join: (name: string, placements: ReadonlyArray<Placement>) => void
  readonly leave: (name: string) => void
  readonly lose: (name: string) => void
  readonly cutOff: (name: string) => () => void
  readonly isThere: (name: string) => boolean
}

const lookEvery = "100 millis"

export class Machines extends Context.Service<
  Machines,
  {
    /**
     * Starts a runner that nothing was told of before, and returns at once. It serves these placements and the default
     * one. A machine that has left may join again, also with other placements.
     */
    readonly join: (name: string, placements: ReadonlyArray<Placement>) => Effect.Effect<void>
    /** Stops a machine that has joined, like SIGTERM, and returns when its process has ended. It does not come back. */
    readonly leave: (name: string) => Effect.Effect<void>
    /** A machine that has joined loses power, and does not come back. */
    readonly lose: (name: string) => Effect.Effect<void>
    /** Cuts the machine off from all others, as long as the scope is open. What runs outside of it is still reached. */
    readonly cutOff: (name: string) => Effect.Effect<void, never, Scope.Scope>
    /** The placements that a live runner serves, according to the store. */
    readonly served: Effect.Effect<ReadonlySet<string>, DatabaseFailed>
  }
>()("clawster/testing/Machines") {
  static readonly over = (cluster: Changing): Machines["Service"] => ({
    join: (name, placements) => Effect.sync(() => cluster.join(name, placements)),
    leave: (name) => {
      const ended: Effect.Effect<void> = Effect.suspend(() =>
        cluster.isThere(name) ? Effect.andThen(Effect.sleep(lookEvery), ended) : Effect.void
      )
      return Effect.andThen(
        Effect.sync(() => cluster.leave(name)),
        ended
      )
    },
    lose: (name) => Effect.sync(() => cluster.lose(name)),
    cutOff: (name) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => cluster.cutOff(name)),
          (heal) => Effect.sync(heal)
        )
      ),
    served: cluster.database.statement(cluster.client, "read", "read placements", () =>
      servedPlacements(cluster.database)
    )
  })
}
