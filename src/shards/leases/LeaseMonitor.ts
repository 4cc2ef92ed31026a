/** The runners' leases according to the store: the failure detector's second opinion. */
import { Context, type Effect } from "effect"

export interface Lease {
  /** `host:port` */
  readonly address: string
  /** No peer has found the runner dead since it registered or was last reinstated. */
  readonly healthy: boolean
  /** `late`: two renewals are missing. `lapsed`: the lease has expired, and its runner answers no more calls. */
  readonly state: "kept" | "late" | "lapsed"
}

export class LeaseMonitor extends Context.Service<
  LeaseMonitor,
  {
    readonly leases: Effect.Effect<ReadonlyArray<Lease>, unknown>
    /** Frees the shards of a runner whose lease has expired. Does nothing when it has renewed in the meantime. */
    readonly disown: (address: string) => Effect.Effect<void, unknown>
  }
>()("clawster/shards/leases/LeaseMonitor") {}
