/**
 * Runs actors on a whole cluster in one process: the real sharding, actor runtime, leases and transport, over virtual
 * time, a virtual network and a virtual store, under faults drawn from a seed. The run is checked against the journal
 * throughout. The same scenario and seed give the same run, step for step.
 */
import { Context, Duration, Effect, Layer } from "effect"
import { leaseMillisDefault } from "../shards/ClusterConfig.ts"
import { watchDeadMessages } from "./checks/DeadMessages.ts"
import { deadlines } from "./checks/Deadlines.ts"
import { faultsSeen } from "./checks/FaultsSeen.ts"
import { FoldedStates } from "./checks/FoldedStates.ts"
import type { Violation } from "./checks/History.ts"
import { type Call, rowByRow } from "./checks/Observation.ts"
import { watchMessageOrder } from "./checks/Order.ts"
import { watchOwnership } from "./checks/Ownership.ts"
import { settled } from "./checks/Liveness.ts"
import { stateIsFold } from "./checks/Linearizability.ts"
import { Machines } from "./cluster/Machines.ts"
import { SimulatedCluster } from "./cluster/SimulatedCluster.ts"
import type { Fault } from "./faults/Fault.ts"
import { type Disturb, type FaultRecord, inflict } from "./faults/FaultInjector.ts"
import { plan, type PlanOptions } from "./faults/FaultPlan.ts"
import { shrink } from "./faults/Shrink.ts"
import { Run } from "./ObservedRun.ts"
import type { Options } from "./Scenario.ts"
import { timeline } from "./Timeline.ts"
import { Workload } from "./Workload.ts"
import { Prng } from "./world/Prng.ts"
import type { TraceLine } from "./world/Trace.ts"
import { World } from "./world/World.ts"

export type { Options, Scenario } from "./Scenario.ts"

export interface Report {
  readonly seed: number | string
  readonly violations: ReadonlyArray<Violation>
  readonly faults: ReadonlyArray<FaultRecord>
  /** Hash of the whole trace, equal for equal runs. */
  readonly hash: string
  readonly virtualMillis: number
  readonly wallMillis: number
  /** Virtual milliseconds from the end of the run's duration until the cluster was at rest. */
  readonly settledAfterMillis: number
  readonly commits: number
  readonly statements: number
  readonly packets: number
  readonly calls: number
  /** Readable text: the faults and what happened around them. */
  readonly timeline: () => string
  /** The lines that `keepLines` kept. */
  readonly trace: ReadonlyArray<TraceLine>
}

/** Milliseconds by which a timer may be late: time for a sweep, a move of its shard and a retry. */
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

/** What takes part in one run. */
interface Simulated<Outside> {
  readonly world: World
  readonly cluster: SimulatedCluster<Outside>
  readonly durationMillis: number
  readonly calls: Array<Call>
  readonly records: ReadonlyArray<FaultRecord>
  readonly run: Run<Outside>
}

const build = <Outside>(options: Options<Outside>, faults: ReadonlyArray<Fault>): Simulated<Outside> => {
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
  const folded = new FoldedStates(options.definitions, new Set(options.reads))
  const run = new Run<Outside>(cluster, folded, calls, records, [
    rowByRow(watchOwnership),
    rowByRow(watchMessageOrder),
    watchDeadMessages,
    stateIsFold(folded),
    deadlines(folded, deadlineBoundMillis),
    ...(options.checks ?? []),
    settled,
    faultsSeen
  ])
  return { world, cluster, durationMillis, calls, records, run }
}

/** Begins the workload in the client's process; answers whether it is over. */
const beginWorkload = <Outside>(
  { workload }: Options<Outside>,
  { calls, cluster, durationMillis, run, world }: Simulated<Outside>
): (() => boolean) => {
  let over = false
  const services = Context.merge(cluster.clientContext!, cluster.outsideContext!)
  const context = services.pipe(
    Context.add(Workload, Workload.over(world, durationMillis, calls)),
    Context.add(Machines, Machines.over(cluster))
  )
  cluster.client
    .run(workload.pipe(Effect.scoped, Effect.provideContext(context)) as Effect.Effect<void>)
    .addObserver((exit) => {
      over = true
      if (exit._tag === "Failure")
        run.violate({ invariant: "workload", message: `the workload died: ${String(exit.cause)}` })
    })
  return () => over
}

/** Lets the cluster come to rest; answers how long that took from now, when all has healed. */
const settle = async <Outside>(
  options: Options<Outside>,
  { run, world }: Simulated<Outside>,
  isOver: () => boolean
): Promise<number> => {
  const healedAt = world.now
  const unrest = () => [
    ...(isOver() ? [] : ["the workload is not over"]),
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
  return world.now - healedAt
}

/** Looks for the last time, when whatever was due has had its time. */
const end = async <Outside>(
  { probe }: Options<Outside>,
  { records, run, world }: Simulated<Outside>
): Promise<void> => {
  /**
   * Every timer that is due by now counts as overdue after this wait. No calls are made meanwhile, so the cluster must
   * wake its actors by itself.
   */
  await run.until(() => false, lookEveryMillis, deadlineBoundMillis + lookEveryMillis)
  if (probe !== undefined && run.violations.length === 0) await run.probe(probe)
  for (const { atEnd } of records) atEnd?.()
  if (run.violations.length === 0) run.look(true)
  for (const host of [...world.hosts]) host.kill()
}

const simulate = async <Outside>(options: Options<Outside>, faults: ReadonlyArray<Fault>): Promise<Report> => {
  const began = performance.now()
  const simulated = build(options, faults)
  const { calls, cluster, durationMillis, records, run, world } = simulated
  cluster.begin()
  await run.until(
    () => cluster.clientContext !== undefined && cluster.outsideContext !== undefined,
    lookEveryMillis,
    30_000
  )
  const isOver = beginWorkload(options, simulated)
  await run.until(() => world.now >= durationMillis, lookEveryMillis, durationMillis)
  const settledAfterMillis = await settle(options, simulated, isOver)
  await end(options, simulated)
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

/**
 * Runs the scenario once. The violations are in the report; the effect dies only when the scenario itself cannot run.
 */
export const run = <Outside = never>(options: Options<Outside>): Effect.Effect<Report> =>
  Effect.promise(() => simulate(options, drawn(options)))

export interface Shrunk {
  readonly faults: ReadonlyArray<Fault>
  /** Report of the run with only those faults. */
  readonly report: Report
}

/**
 * Finds the shortest list of faults under which a failing seed still breaks one of the same invariants, in at most
 * `tries` runs, and returns it with the run under it.
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
