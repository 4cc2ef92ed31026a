/**
 * Runs actors on a whole cluster in one process: the real sharding, shell, leases and transport, over virtual time, a
 * virtual network and a virtual store, under faults drawn from a seed, and checked all along from the journal. The same
 * scenario and seed give the same run, step for step.
 */
import { Context, Duration, Effect, Layer, type Scope } from "effect"
import type { Sharding } from "effect/cluster"
import type { Placement } from "../schema/Ids.ts"
import { leaseMillisDefault } from "../shards/ClusterConfig.ts"
import { deadlines } from "./checks/Deadlines.ts"
import { faultsSeen } from "./checks/FaultsSeen.ts"
import { type AnyDefinition, Folded } from "./checks/Folded.ts"
import type { Violation } from "./checks/History.ts"
import { type Call, rowByRow, type Watcher } from "./checks/Observation.ts"
import { watchMessageOrder } from "./checks/Order.ts"
import { watchOwnership } from "./checks/Ownership.ts"
import { settled } from "./checks/Liveness.ts"
import { stateIsFold } from "./checks/Linearizability.ts"
import { type Plant, type RunnerServices, SimulatedCluster } from "./cluster/SimulatedCluster.ts"
import type { Fault } from "./faults/Fault.ts"
import { type Disturb, type FaultRecord, inflict } from "./faults/FaultInjector.ts"
import { type FaultSource, plan, type PlanOptions } from "./faults/Plan.ts"
import { shrink } from "./faults/Shrink.ts"
import { Run } from "./Run.ts"
import { timeline } from "./Timeline.ts"
import { Workload } from "./Workload.ts"
import { Prng } from "./world/Prng.ts"
import type { TraceLine } from "./world/Trace.ts"
import { World } from "./world/World.ts"

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

export interface Report {
  readonly seed: number | string
  readonly violations: ReadonlyArray<Violation>
  readonly faults: ReadonlyArray<FaultRecord>
  /** Of the whole trace. Equal for equal runs. */
  readonly hash: string
  readonly virtualMillis: number
  readonly wallMillis: number
  /** From the end of the last fault until the cluster was at rest. */
  readonly settledAfterMillis: number
  readonly commits: number
  readonly statements: number
  readonly packets: number
  readonly calls: number
  /** Readable: the faults and what happened around them. */
  readonly timeline: () => string
  /** What `keepLines` kept. */
  readonly trace: ReadonlyArray<TraceLine>
}

/** How much later than its deadline something may happen: a sweep, a move of its shard and a retry on the way. */
const deadlineBoundMillis = 30_000
const settleMillisDefault = 60_000
const lookEveryMillis = 1_000

const drawn = <Outside>(options: Options<Outside>): ReadonlyArray<Fault> => {
  const { faults } = options
  if (Array.isArray(faults)) return faults as ReadonlyArray<Fault>
  return plan(
    new Prng(`${options.seed}/faults`),
    {
      runners: runnerNames(options),
      durationMillis: Duration.toMillis(Duration.fromInputUnsafe(options.duration)),
      leaseMillis: options.leaseMillis ?? leaseMillisDefault
    },
    faults as PlanOptions
  )
}

const runnerNames = ({ runners = 3 }: { readonly runners?: number }) =>
  Array.from({ length: runners }, (_, n) => `runner-${n + 1}`)

const simulate = async <Outside>(options: Options<Outside>, faults: ReadonlyArray<Fault>): Promise<Report> => {
  const began = performance.now()
  const world = new World(`${options.seed}/run`, options.keepLines ?? 0)
  const cluster = new SimulatedCluster<Outside>(world, {
    runners: options.runners ?? 3,
    actors: options.actors,
    outside: options.outside ?? (Layer.empty as unknown as Layer.Layer<Outside>),
    placements: options.placements ?? [],
    leaseMillis: options.leaseMillis ?? leaseMillisDefault,
    plant: options.plant ?? {}
  })
  const durationMillis = Duration.toMillis(Duration.fromInputUnsafe(options.duration))
  const calls: Array<Call> = []
  const disturb: Disturb = (fault, seen) => options.disturb?.(cluster.outsideContext!)(fault, seen)
  const records = inflict(cluster, faults, disturb)
  const folded = new Folded(options.definitions, new Set(options.reads))
  const run = new Run<Outside>(cluster, folded, calls, records, [
    rowByRow(watchOwnership),
    rowByRow(watchMessageOrder),
    stateIsFold(folded),
    deadlines(folded, deadlineBoundMillis),
    ...(options.checks ?? []),
    settled,
    faultsSeen
  ])
  const workload = Workload.over(world, durationMillis, calls)
  cluster.begin()
  await run.until(
    () => cluster.clientContext !== undefined && cluster.outsideContext !== undefined,
    lookEveryMillis,
    30_000
  )
  let over = false
  const services = Context.merge(cluster.clientContext!, cluster.outsideContext!)
  cluster.client
    .run(
      options.workload.pipe(
        Effect.scoped,
        Effect.provideContext(Context.add(services, Workload, workload))
      ) as Effect.Effect<void>
    )
    .addObserver((exit) => {
      over = true
      if (exit._tag === "Failure")
        run.violate({ invariant: "workload", message: `the workload died: ${String(exit.cause)}` })
    })
  await run.until(() => world.now >= durationMillis, lookEveryMillis, durationMillis)
  const healedAt = world.now
  const unrest = () => [
    ...(over ? [] : ["the workload is not over"]),
    ...run.unsettled(),
    ...(options.unfinished?.(run) ?? [])
  ]
  await run.until(() => unrest().length === 0, lookEveryMillis, options.settleMillis ?? settleMillisDefault)
  for (const message of run.violations.length > 0 ? [] : unrest()) {
    run.violate({
      invariant: "I14",
      message: `${message}, ${((world.now - healedAt) / 1_000).toFixed(0)} s after all had healed`
    })
  }
  const settledAfterMillis = world.now - healedAt
  /**
   * Whatever was due by now is overdue after this. Nothing else is asked of the cluster meanwhile, so it must wake
   * itself.
   */
  await run.until(() => false, lookEveryMillis, deadlineBoundMillis + lookEveryMillis)
  if (options.probe !== undefined && run.violations.length === 0) await run.probe(options.probe)
  for (const { atEnd } of records) atEnd?.()
  if (run.violations.length === 0) run.look(true)
  for (const host of [...world.hosts]) host.kill()
  return {
    seed: options.seed,
    violations: run.violations,
    faults: records,
    hash: world.trace.hash,
    virtualMillis: world.now,
    wallMillis: performance.now() - began,
    settledAfterMillis,
    commits: cluster.database.history.length,
    statements: cluster.database.statements,
    packets: cluster.network.packets,
    calls: calls.length,
    timeline: () => timeline(world.trace.lines, run.violations),
    get trace() {
      return world.trace.lines
    }
  }
}

/** One run. Its violations are in the report; it fails only when the scenario itself cannot run. */
export const run = <Outside = never>(options: Options<Outside>): Effect.Effect<Report> =>
  Effect.promise(() => simulate(options, drawn(options)))

export interface Shrunk {
  readonly faults: ReadonlyArray<Fault>
  /** Of the run with those faults only. */
  readonly report: Report
}

/**
 * The shortest list of faults found under which a failing seed still breaks an invariant that it broke, and the run
 * under it.
 */
export const shrinkFaults = <Outside = never>(
  options: Options<Outside>,
  failed: Report,
  tries = 40
): Effect.Effect<Shrunk> =>
  Effect.promise(async () => {
    const broken = new Set(failed.violations.map(({ invariant }) => invariant))
    const fails = async (faults: ReadonlyArray<Fault>) =>
      (await simulate(options, faults)).violations.some(({ invariant }) => broken.has(invariant))
    const faults = await shrink(
      failed.faults.map(({ fault }) => fault),
      fails,
      tries
    )
    return { faults, report: await simulate({ keepLines: 4_000, ...options }, faults) }
  })
