/** Faults of simulated gateways in a run. A fault counts as seen when the gateway has counted it. */
import { Context, Effect } from "effect"
import { SimulatedFleet } from "../../instances/simulated/SimulatedFleet.ts"
import type { Fault as GatewayFault } from "../../instances/simulated/SimulatedFaults.ts"
import type { Fault } from "../faults/Fault.ts"
import type { Disturb } from "../faults/FaultInjector.ts"
import type { Prng } from "../world/Prng.ts"
import { instances } from "./FleetWorkload.ts"

const orders: Record<string, (amount: number) => GatewayFault> = {
  slow: (amount) => ({ _tag: "slow", millis: amount, turns: 3 }),
  hang: () => ({ _tag: "hang" }),
  "provider error": () => ({ _tag: "providerError", status: 503, turns: 2 }),
  "crash in a turn": (amount) => ({ _tag: "crash", afterMillis: amount }),
  "drop socket": () => ({ _tag: "dropSocket" }),
  "lost reply": () => ({ _tag: "lostReply" }),
  unreachable: () => ({ _tag: "unreachable" }),
  unresponsive: () => ({ _tag: "unresponsive" })
}
/**
 * Faults that last until they are healed. The others affect the next turns, on whichever gateway and whenever these
 * run.
 */
const standing = new Set(["unreachable", "unresponsive"])
/**
 * An idle gateway gets a request every 16 s (WatchHealth.ts), so a shorter standing fault might have no effect there.
 */
const standingMillis = [20_000, 30_000] as const
const names = [...Object.keys(orders), "kill"]

export const draw = (random: Prng, at: number): Fault => {
  const name = random.pick(names)
  return {
    kind: "outside",
    at,
    name,
    target: random.pick(instances),
    forMillis: standing.has(name) ? random.int(...standingMillis) : random.int(8_000, 15_000),
    amount: random.int(10, 2_000)
  }
}

export const disturb =
  (context: Context.Context<SimulatedFleet>): Disturb =>
  ({ amount = 100, name, target }, seen) => {
    const fleet = Context.get(context, SimulatedFleet)
    const gateway = fleet.gateway(target)
    if (name === "kill") {
      if (gateway.process !== undefined) seen()
      gateway.kill()
      return () => {}
    }
    const order = orders[name]!(amount)
    const targets = standing.has(name) ? [target] : instances
    const counted = () => targets.reduce((sum, id) => sum + (fleet.gateway(id).faults.seen.get(order._tag) ?? 0), 0)
    const before = counted()
    for (const id of targets) Effect.runSync(fleet.order(id, order))
    return () => {
      if (counted() > before) seen()
      if (standing.has(name)) Effect.runSync(fleet.heal(target, order))
    }
  }
