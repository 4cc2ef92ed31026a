/** What the store says of the runners' leases: the failure detector's second opinion. */
import { Context, type Effect } from "effect"

export interface Lease {
  /** `host:port` */
  readonly address: string
  /** No peer has found it dead since it registered or was found alive again. */
  readonly healthy: boolean
  /** `late`: two renewals are missing. `lapsed`: it has run out, and its runner answers nothing any more. */
  readonly state: "kept" | "late" | "lapsed"
}

export class LeaseMonitor extends Context.Service<
  LeaseMonitor,
  {
    readonly leases: Effect.Effect<ReadonlyArray<Lease>, unknown>
    /** Its shards are free from now on; nothing when it has renewed in the meantime. */
    readonly disown: (address: string) => Effect.Effect<void, unknown>
  }
>()("clawster/shards/leases/LeaseMonitor") {}
