/** Decisions on what the probe, the link and the gateway's own reports say of the gateway's health. */
import { bounds, cut } from "../../schema/text/Bounds.ts"
import { linkHung, linkUnhealthy, probesHungOf, probesUnhealthyOf } from "./InstancePolicy.ts"
import { currentLoad, type InstanceRecord } from "./InstanceState.ts"
import { loseGateway } from "./LifecycleTransitions.ts"
import { about, failing, type InstanceDraft } from "./runs/RunTransitions.ts"

export type HealthSignal =
  | { readonly _tag: "ProbeFailed"; readonly start: number; readonly times: number; readonly detail: string }
  | {
      readonly _tag: "LinkDown"
      readonly start: number
      readonly millis: number
      readonly reason: string
      readonly retrying: boolean
    }
  /** The link is up, but was lost repeatedly in a short time. */
  | { readonly _tag: "LinkUnsteady"; readonly start: number; readonly reason: string }
  /** The probe answers and the link is up. */
  | { readonly _tag: "Sound"; readonly start: number }
  | {
      readonly _tag: "Heartbeat"
      readonly start: number
      readonly queuedTasks: number
      readonly cpu?: number
      readonly memoryBytes?: number
      /** Attempts on slots of their origins. */
      readonly onSlots: number
      /** Mean of their latencies; absent while there is none. */
      readonly latencyMillis?: number
    }

export const onHealthSignal = (
  change: InstanceDraft,
  record: InstanceRecord,
  signal: HealthSignal,
  now: number
): void => {
  switch (signal._tag) {
    case "ProbeFailed": {
      const reason = `the gateway does not answer its health probe (${signal.detail})`
      const { driver, supervision } = record.spec
      if (signal.times >= probesHungOf(supervision) && driver !== "remote") {
        return loseGateway(change, { reason, retryable: true, fresh: true }, now)
      }
      return setHealth(change, signal.times >= probesUnhealthyOf(supervision) ? "unhealthy" : "degraded", reason)
    }
    case "LinkDown": {
      const reason = `the link to the gateway is down: ${signal.reason}`
      if (!signal.retrying || (signal.millis >= linkHung && record.spec.driver !== "remote")) {
        return loseGateway(change, { reason, retryable: signal.retrying, fresh: signal.retrying }, now)
      }
      return setHealth(change, signal.millis >= linkUnhealthy ? "unhealthy" : "degraded", reason)
    }
    case "LinkUnsteady":
      return setHealth(change, "unhealthy", signal.reason)
    case "Sound":
      return setHealth(change, "healthy")
    case "Heartbeat": {
      const { cpu, latencyMillis, memoryBytes, onSlots, queuedTasks } = signal
      const { cpu: _cpu, memoryBytes: _memory, ...load } = currentLoad(change.state, record.load)
      const direct = load.runningTasks - (record.onSlots ?? 0)
      return change.emit({
        _tag: "instance.internal_heartbeat",
        ...about(record),
        load: {
          ...load,
          runningTasks: direct + onSlots,
          queuedTasks,
          ...(latencyMillis === undefined ? {} : { latencyMillis }),
          ...(cpu === undefined ? {} : { cpu }),
          ...(memoryBytes === undefined ? {} : { memoryBytes })
        },
        ...(onSlots === 0 ? {} : { onSlots }),
        at: now
      })
    }
  }
}

/**
 * Sets the health, but only while the gateway should be up. Unless the breaker is closed, `healthy` becomes `degraded`.
 */
export const setHealth = (change: InstanceDraft, health: "healthy" | "degraded" | "unhealthy", reason = ""): void => {
  const { breaker } = change.state
  if (health === "healthy" && breaker.state !== "closed") return setHealth(change, "degraded", failing(breaker))
  const record = change.state.record!
  if (record.phase !== "warm" && record.phase !== "claimed" && record.phase !== "draining") return
  if (record.health === health) return
  if (health === "healthy") change.emit({ _tag: "instance.healthy", ...about(record) })
  else change.emit({ _tag: `instance.${health}`, ...about(record), reason: cut(reason, bounds.errorMessage) })
}
