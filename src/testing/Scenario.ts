/** The input of a simulation: actors on a cluster, the workload, and the faults. */
import type { Context, Duration, Effect, Layer, Scope } from "effect"
import type { Sharding } from "effect/cluster"
import type { Placement } from "../schema/Ids.ts"
import type { AnyDefinition } from "./checks/FoldedStates.ts"
import type { Watcher } from "./checks/Observation.ts"
import type { Machines } from "./cluster/Machines.ts"
import type { Plant, RunnerServices } from "./cluster/SimulatedCluster.ts"
import type { Disturb } from "./faults/FaultInjector.ts"
import type { FaultSource } from "./faults/FaultPlan.ts"
import type { Run } from "./ObservedRun.ts"
import type { Workload } from "./Workload.ts"

export interface Scenario<Outside = never> {
  /** Built anew each time a runner starts. */
  readonly actors: Layer.Layer<never, never, RunnerServices | Outside>
  /** The definitions of the actors whose state, deadlines and answers are checked. */
  readonly definitions: ReadonlyArray<AnyDefinition>
  /** Runs in a client process. It should end when its time is over; see `Workload.repeat`. */
  readonly workload: Effect.Effect<void, never, Sharding.Sharding | Workload | Machines | Scope.Scope | Outside>
  /** 3 when absent. */
  readonly runners?: number
  /** What each of these runners serves beside the default placement. `Machines.join` adds runners of others. */
  readonly placements?: ReadonlyArray<Placement>
  readonly leaseMillis?: number
  /** Services that are outside of all runners and outlive them, for example the gateways that the runners drive. */
  readonly outside?: Layer.Layer<Outside>
  /** Interprets faults of kind `outside`. */
  readonly disturb?: (context: Context.Context<Outside>) => Disturb
  /** Entity types whose reads are checked (`Workload.call` with `reads`): all their states are kept. */
  readonly reads?: ReadonlyArray<string>
  /** Checks in addition to those that apply to all actors. */
  readonly checks?: ReadonlyArray<() => Watcher>
  /**
   * A call that must succeed five times on every runner and from the client, after all faults have healed. `n` numbers
   * the calls.
   */
  readonly probe?: (n: number) => Effect.Effect<unknown, unknown, Sharding.Sharding>
  /** The reasons why the run is not at rest yet; empty when it is. Called after the run's duration has passed. */
  readonly unfinished?: (run: Run<Outside>) => ReadonlyArray<string>
  /** Milliseconds that the cluster may take to come to rest after the run's duration has passed. 60 s when absent. */
  readonly settleMillis?: number
}

export interface Options<Outside = never> extends Scenario<Outside> {
  readonly seed: number | string
  readonly duration: Duration.Input
  /** A list of faults, or the options for drawing one from the seed. */
  readonly faults: FaultSource
  readonly plant?: Plant
  /** Trace lines kept for the timeline; 0 when absent, which keeps only the notable ones. */
  readonly keepLines?: number
}
