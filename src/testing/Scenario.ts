/** What is simulated: actors on a cluster, what is asked of them, and under which faults. */
import type { Context, Duration, Effect, Layer, Scope } from "effect"
import type { Sharding } from "effect/cluster"
import type { Placement } from "../schema/Ids.ts"
import type { AnyDefinition } from "./checks/Folded.ts"
import type { Watcher } from "./checks/Observation.ts"
import type { Plant, RunnerServices } from "./cluster/SimulatedCluster.ts"
import type { Disturb } from "./faults/FaultInjector.ts"
import type { FaultSource } from "./faults/Plan.ts"
import type { Run } from "./Run.ts"
import type { Workload } from "./Workload.ts"

export interface Scenario<Outside = never> {
  /** Built anew each time a runner starts. */
  readonly actors: Layer.Layer<never, never, RunnerServices | Outside>
  /** Of the actors whose state, deadlines and answers are checked. */
  readonly definitions: ReadonlyArray<AnyDefinition>
  /** Runs in a client process. It should end when its time is over; see `Workload.repeat`. */
  readonly workload: Effect.Effect<void, never, Sharding.Sharding | Workload | Scope.Scope | Outside>
  /** 3 when absent. */
  readonly runners?: number
  readonly placements?: ReadonlyArray<Placement>
  readonly leaseMillis?: number
  /** What lives outside of all runners and outlives them, for example the gateways that they drive. */
  readonly outside?: Layer.Layer<Outside>
  /** Gives faults of kind `outside` their meaning. */
  readonly disturb?: (context: Context.Context<Outside>) => Disturb
  /** Entity types whose reads are checked (`Workload.call` with `reads`): all their states are kept. */
  readonly reads?: ReadonlyArray<string>
  /** Beside those that hold for all actors. */
  readonly checks?: ReadonlyArray<() => Watcher>
  /** A call that must succeed on every runner, five times, when all has healed. `n` counts them. */
  readonly probe?: (n: number) => Effect.Effect<unknown, unknown, Sharding.Sharding>
  /** Why the run has not come to rest yet; empty when it has. Asked when the workload is over and all has healed. */
  readonly unfinished?: (run: Run<Outside>) => ReadonlyArray<string>
  /** How long the cluster may take to come to rest after the last fault. 60 s when absent. */
  readonly settleMillis?: number
}

export interface Options<Outside = never> extends Scenario<Outside> {
  readonly seed: number | string
  readonly duration: Duration.Input
  /** A list, or how to draw one from the seed. */
  readonly faults: FaultSource
  readonly plant?: Plant
  /** Trace lines kept for the timeline; 0 when absent, which keeps the notable ones. */
  readonly keepLines?: number
}
