/**
 * The whole of Clawster on a simulated cluster: lanes, sessions and instances over simulated gateways that fail as
 * well.
 */
import { Context, Effect, Layer } from "effect"
import * as Catalogued from "../../entities/catalog/Actors.ts"
import type { InstanceActor } from "../../entities/Instance/InstanceActor.ts"
import * as InstanceLayer from "../../entities/Instance/InstanceLayer.ts"
import type { LaneActor } from "../../entities/Lane/LaneActor.ts"
import * as LaneLayer from "../../entities/Lane/LaneLayer.ts"
import { SimulatedFleet } from "../../instances/simulated/SimulatedFleet.ts"
import { watchCaps } from "../checks/Caps.ts"
import { watchNoneDead } from "../checks/DeadMessages.ts"
import { eventsOf, type Violation } from "../checks/History.ts"
import { rowByRow, type Watcher } from "../checks/Observation.ts"
import { watchPriority, watchTurnOrder } from "../checks/Order.ts"
import { allEnded, watchOutcomes } from "../checks/Outcomes.ts"
import { watchRecalls } from "../checks/slots/RecalledSlots.ts"
import { watchSlots } from "../checks/slots/SlotAccounts.ts"
import { watchSessionRuns } from "../checks/SessionRuns.ts"
import type { PlanOptions } from "../faults/FaultPlan.ts"
import type { Run } from "../ObservedRun.ts"
import type { Scenario } from "../Scenario.ts"
import * as FleetDrivers from "./FleetDrivers.ts"
import * as FleetFaults from "./FleetFaults.ts"
import * as FleetReads from "./FleetReads.ts"
import { probe, slots, workload } from "./FleetWorkload.ts"

/** Definitions that take the place of the product's, to plant a bug in them. */
export interface Variants {
  readonly Lane?: typeof LaneActor
  readonly Instance?: typeof InstanceActor
}

const layersOf = ({ Instance, Lane }: Variants) =>
  Layer.mergeAll(
    Lane === undefined ? Catalogued.actors.Lane.layer : LaneLayer.layerOf(Lane),
    Instance === undefined ? Catalogued.actors.Instance.layer : InstanceLayer.layerOf(Instance),
    Catalogued.actors.Session.layer,
    Catalogued.actors.Tenant.layer
  )

const actorsOf = (variants: Variants) => Layer.provide(layersOf(variants), [FleetReads.layer, FleetDrivers.layer])

const definitionsOf = (variants: Variants) =>
  Catalogued.definitions.map((definition) => variants[definition.entity.type as keyof Variants] ?? definition)

const turnEnds = new Set(["session.turn_completed", "session.turn_failed", "session.turn_aborted"])

/** The turns that were accepted and have not ended: I2 for turns. */
const openTurns = (history: Parameters<typeof allEnded>[0]): ReadonlyArray<string> => {
  const open = new Set<string>()
  for (const { event, row } of eventsOf(history)) {
    const turn = `${row.entityId} ${event["turnId"]}`
    if (event._tag === "session.turn_queued") open.add(turn)
    if (turnEnds.has(event._tag)) open.delete(turn)
  }
  return [...open]
}

/** I3 at the model: one run key is executed at most once there, however often it is sent. */
const runOnce = (fleet: () => SimulatedFleet["Service"] | undefined) => (): Watcher => () =>
  (fleet()?.executions.all() ?? []).flatMap(({ executions, runKey }): ReadonlyArray<Violation> =>
    executions > 1 ? [{ invariant: "I3", message: `run ${runKey} reached the model ${executions} times` }] : []
  )

/** I6 at the gateway: it has at no time more runs than its instance has slots. */
export const withinCap = (fleet: () => SimulatedFleet["Service"] | undefined, cap: number) => (): Watcher => () => {
  const found = fleet()
  return found === undefined
    ? []
    : Effect.runSync(found.instanceIds)
        .map((id) => found.gateway(id))
        .filter(({ mostActive }) => mostActive > cap)
        .map(({ instanceId, mostActive }) => ({
          invariant: "I6",
          message: `the gateway of ${instanceId} had ${mostActive} runs at once, its cap is ${cap}`
        }))
}

/**
 * Time for the run to come to rest. A steering message that becomes a turn of its own has the longest time limit, 10
 * minutes: when it hangs at the gateway, it ends only then.
 */
const hungTurnMillis = 660_000

/**
 * A recalled slot may be that of a task that hangs at its gateway: it has 20 s, its instance aborts it up to 10 s later
 * and ends it by itself when the gateway does not confirm that within 15 s.
 */
const longestRunMillis = 60_000

const unfinished = ({ history }: Run<SimulatedFleet>): ReadonlyArray<string> =>
  [
    ...allEnded(history).map(({ message }) => message),
    ...openTurns(history).map((turn) => `${turn} was accepted and never ended`)
  ].slice(0, 5)

/** Each call returns a separate scenario with its own fleet. */
export const make = (variants: Variants = {}): Scenario<SimulatedFleet> => {
  let fleet: SimulatedFleet["Service"] | undefined
  return {
    actors: actorsOf(variants) as Scenario<SimulatedFleet>["actors"],
    definitions: definitionsOf(variants),
    outside: SimulatedFleet.layer({ resumeAfterMillis: 1_000, startMillis: 300, orphanAfterMillis: 12_000 }),
    disturb: (context) => {
      fleet = Context.get(context, SimulatedFleet)
      return FleetFaults.disturb(context)
    },
    workload: Effect.tap(SimulatedFleet, (found) => Effect.sync(() => (fleet = found))).pipe(Effect.andThen(workload)),
    checks: [
      rowByRow(watchOutcomes),
      rowByRow(watchCaps),
      rowByRow(watchSlots),
      watchRecalls(longestRunMillis),
      rowByRow(watchTurnOrder),
      rowByRow(watchSessionRuns),
      rowByRow(watchPriority),
      watchNoneDead,
      runOnce(() => fleet),
      withinCap(() => fleet, slots)
    ],
    probe,
    unfinished,
    settleMillis: hungTurnMillis
  }
}

export const faults: PlanOptions = { outside: FleetFaults.draw }
