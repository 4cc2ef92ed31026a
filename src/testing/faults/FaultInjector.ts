/** Injects a list of faults into a cluster, and records for each fault whether it was seen to take effect (I15). */
import { type SimulatedCluster, stopPatienceMillis } from "../cluster/SimulatedCluster.ts"
import type { StoreCondition } from "../store/Database.ts"
import type { Condition } from "../world/Network.ts"
import { describe, endOf, type Fault } from "./Fault.ts"

export interface FaultRecord {
  readonly fault: Fault
  /** How often the fault took effect: packets and statements affected, processes hit. */
  seen: number
  healed: boolean
  /** Called once more when the run is over, for an `outside` fault that took effect after it was healed. */
  atEnd: (() => void) | undefined
}

/**
 * Begins a fault of the scenario's own world, and returns the function that heals it, which is called again when the
 * run is over. Returns `undefined` when the fault could not take effect.
 */
export type Disturb = (
  fault: Extract<Fault, { readonly kind: "outside" }>,
  seen: () => void
) => (() => void) | undefined

export const inflict = <Outside>(
  cluster: SimulatedCluster<Outside>,
  faults: ReadonlyArray<Fault>,
  disturb: Disturb
): ReadonlyArray<FaultRecord> => {
  const { world } = cluster
  return faults.map((fault) => {
    const record: FaultRecord = { fault, seen: 0, healed: false, atEnd: undefined }
    const seen = () => {
      record.seen++
    }
    world.after(fault.at, () => {
      world.log("fault", describe(fault), true)
      const heal = begin(cluster, fault, seen, disturb)
      const end = () => {
        if (fault.kind !== "skew") world.log("fault", `${fault.kind} is over`, true)
        heal?.()
        record.healed = true
        if (fault.kind === "outside") record.atEnd = heal
      }
      if (fault.kind === "skew") end()
      else world.after(endOf(fault) - fault.at, end)
    })
    return record
  })
}

const begin = <Outside>(
  cluster: SimulatedCluster<Outside>,
  fault: Fault,
  seen: () => void,
  disturb: Disturb
): (() => void) | undefined => {
  const did = (happened: boolean, heal: () => void) => {
    if (!happened) return undefined
    seen()
    return heal
  }
  switch (fault.kind) {
    case "crash":
      return did(cluster.crash(fault.runner, fault.quietly === true), () => void cluster.start(fault.runner))
    case "stop":
      return did(cluster.stop(fault.runner, stopPatienceMillis), () => restart(cluster, fault.runner))
    case "freeze": {
      const host = cluster.machines.get(fault.runner)?.host
      return did(cluster.freeze(fault.runner), () => cluster.thaw(fault.runner, host!))
    }
    case "skew":
      return did(cluster.skew(fault.runner, fault.millis), () => {})
    case "partition":
      return impose(cluster, fault, { cut: true, seen }, fault.oneWay !== true)
    case "network": {
      const { delayMillis, drop, duplicate, reorder } = fault
      return impose(
        cluster,
        fault,
        {
          seen,
          ...(delayMillis === undefined ? {} : { delayMillis }),
          ...(drop === undefined ? {} : { drop }),
          ...(duplicate === undefined ? {} : { duplicate }),
          ...(reorder === undefined ? {} : { reorder })
        },
        true
      )
    }
    case "store": {
      const condition: StoreCondition = {
        trouble: fault.trouble,
        probability: fault.probability,
        from: fault.from,
        seen
      }
      cluster.database.conditions.add(condition)
      return () => {
        cluster.database.conditions.delete(condition)
        if (fault.trouble === "down" && fault.from === undefined) cluster.database.startedAt = cluster.world.now
      }
    }
    case "outside":
      return disturb(fault, seen)
  }
}

/** Starts a runner again; while the runner is still stopping, retries every 100 ms. */
const restart = <Outside>(cluster: SimulatedCluster<Outside>, name: string): void => {
  if (!cluster.start(name)) cluster.world.after(100, () => restart(cluster, name))
}

const impose = <Outside>(
  { network }: SimulatedCluster<Outside>,
  { from, to }: { readonly from: string; readonly to: string },
  condition: Condition,
  both: boolean
) => {
  network.impose(from, to, condition)
  if (both) network.impose(to, from, condition)
  return () => {
    network.lift(from, to, condition)
    if (both) network.lift(to, from, condition)
  }
}
