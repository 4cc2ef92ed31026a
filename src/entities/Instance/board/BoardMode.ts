/**
 * What becomes of the attempts that run on slots of their origins: they run (`run`), also while the gateway is being
 * restarted; they are aborted (`abort`), since the instance has been draining for too long; or they are over (`close`),
 * since the gateway is stopped or being stopped.
 */
import type { InstanceState } from "../InstanceState.ts"

export type BoardMode = "run" | "abort" | "close"

/** Undefined when no such attempts can run here. */
export const boardMode = ({ record }: InstanceState): BoardMode | undefined => {
  if (record?.grantsSlots !== true || record.erased === true) return undefined
  const { drain, phase } = record
  if (phase === "stopped" || phase === "failed" || phase === "destroyed" || phase === "hibernated") return "close"
  if (drain === "stopping") return "close"
  return drain === "aborting" ? "abort" : "run"
}
