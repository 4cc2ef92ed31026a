/** Where earlier attempts at one task or turn failed, so that the next one is tried elsewhere. */
import { Schema } from "effect"
import { InstanceId } from "../Ids.ts"

/** Maximum instances remembered for one task or turn; above it the one that failed longest ago is forgotten. */
export const triedMost = 8

export const Tried = Schema.Struct({
  /** Each once; the one that failed last is last. */
  instances: Schema.Array(InstanceId),
  /** The instance that was named as the backup of the last of these. */
  backup: Schema.optionalKey(InstanceId)
})
export type Tried = typeof Tried.Type

/** Adds the instance of an attempt that failed, was lost, or was refused by the instance's own fault. */
export const failedOn = (before: Tried | undefined, instanceId: InstanceId, backup: InstanceId | undefined): Tried => ({
  instances: [...(before?.instances ?? []).filter((known) => known !== instanceId), instanceId].slice(-triedMost),
  ...(backup === undefined ? {} : { backup })
})
