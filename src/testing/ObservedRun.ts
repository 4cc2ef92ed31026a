/** One run in progress: observes it every virtual second through all watchers, and collects their violations. */
import { type Context, Effect, Exit } from "effect"
import type { Sharding } from "effect/cluster"
import type { FoldedStates } from "./checks/FoldedStates.ts"
import type { Violation } from "./checks/History.ts"
import type { Call, Observation, Watcher } from "./checks/Observation.ts"
import { unsettled } from "./checks/Liveness.ts"
import type { SimulatedCluster } from "./cluster/SimulatedCluster.ts"
import { endOf } from "./faults/Fault.ts"
import type { FaultRecord } from "./faults/FaultInjector.ts"

const violationsKept = 20
const probes = 5
const probeTimeout = "10 seconds"
const probesMillis = 60_000

export class Run<Outside> {
  readonly violations: Array<Violation> = []
  readonly cluster: SimulatedCluster<Outside>
  readonly folded: FoldedStates
  readonly #calls: ReadonlyArray<Call>
  readonly #faults: ReadonlyArray<FaultRecord>
  readonly #watchers: ReadonlyArray<Watcher>
  #seen = 0

  constructor(
    cluster: SimulatedCluster<Outside>,
    folded: FoldedStates,
    calls: ReadonlyArray<Call>,
    faults: ReadonlyArray<FaultRecord>,
    watchers: ReadonlyArray<() => Watcher>
  ) {
    this.cluster = cluster
    this.folded = folded
    this.#calls = calls
    this.#faults = faults
    this.#watchers = watchers.map((make) => make())
  }

  /**
   * Advances virtual time until the condition holds, `withinMillis` have passed, or a violation was found. Watchers run
   * every `everyMillis`.
   */
  async until(condition: () => boolean, everyMillis: number, withinMillis: number): Promise<void> {
    const { world } = this.cluster
    const end = world.now + withinMillis
    while (this.violations.length === 0 && !condition() && world.now < end) {
      await world.run(Math.min(end, world.now + everyMillis))
      this.look(false)
    }
  }

  look(end: boolean): void {
    const observation = this.#observe(end, true)
    try {
      this.folded.take(observation.fresh)
      for (const watch of this.#watchers) for (const violation of watch(observation)) this.violate(violation)
    } catch (error) {
      this.violate({ invariant: "I13", message: `the journal cannot be folded: ${String(error)}` })
    }
  }

  violate(violation: Violation): void {
    if (this.violations.length >= violationsKept) return
    this.violations.push(violation)
    const { trace, now } = this.cluster.world
    trace.note(now, "check", `${violation.invariant}: ${violation.message}`)
  }

  unsettled(): ReadonlyArray<string> {
    return unsettled(this.#observe(false, false))
  }

  get history() {
    return this.cluster.database.history
  }

  /** Makes five calls on every runner and from the client, which must all succeed. */
  async probe(call: (n: number) => Effect.Effect<unknown, unknown, Sharding.Sharding>): Promise<void> {
    const { clientContext, client } = this.cluster
    const members = [...this.cluster.machines.values()].filter(({ isMember }) => isMember)
    const callers = members.flatMap(({ context, host, name }) =>
      host === undefined || context === undefined
        ? []
        : [{ name, host, context: context as Context.Context<Sharding.Sharding> }]
    )
    let n = 0
    let left = 0
    for (const { context, host, name } of [...callers, { name: "client", host: client, context: clientContext! }]) {
      left++
      const first = n
      n += probes
      host
        .run(
          Effect.forEach(
            Array.from({ length: probes }),
            (_, index) => Effect.timeout(call(first + index), probeTimeout),
            {
              discard: true
            }
          ).pipe(Effect.provideContext(context))
        )
        .addObserver((exit) => {
          left--
          if (Exit.isFailure(exit)) {
            this.violate({
              invariant: "I14",
              message: `a call from ${name} failed though all had healed: ${String(exit.cause)}`
            })
          }
        })
    }
    if (callers.length < members.length) this.violate({ invariant: "I14", message: "not every runner came back" })
    await this.until(() => left === 0, 1_000, probesMillis)
    if (left > 0 && this.violations.length === 0) {
      this.violate({ invariant: "I14", message: `the last calls of ${left} processes were not answered` })
    }
  }

  #observe(end: boolean, take: boolean): Observation {
    const { database, world } = this.cluster
    const { history } = database
    const fresh = take ? history.slice(this.#seen) : []
    if (take) this.#seen = history.length
    return {
      now: world.now,
      epoch: world.epoch,
      quietSince: this.#quietSince(world.now),
      history,
      fresh,
      store: database.store,
      shards: database.shards,
      runners: database.runners,
      servedSince: this.cluster.servedSince,
      calls: this.#calls,
      faults: this.#faults,
      end
    }
  }

  #quietSince(now: number): number | undefined {
    let since = 0
    for (const { fault, healed } of this.#faults) {
      if (fault.at > now) continue
      if (!healed) return undefined
      since = Math.max(since, endOf(fault))
    }
    return since
  }
}
