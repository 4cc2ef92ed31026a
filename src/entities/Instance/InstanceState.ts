/**
 * The state of an Instance actor. `record` changes when the gateway's life does, `runs` with every attempt, so that
 * what is derived from the record alone need not be made again for each run.
 */
import { HashMap, Schema } from "effect"
import { Attempt, type AttemptOrigin } from "../../schema/Attempt.ts"
import { AbortCause, Steering, StopGoal } from "../../schema/events/InstanceEvents.ts"
import {
  InstanceHealth,
  InstanceLoad,
  InstancePhase,
  InstanceSpec,
  type RegisteredSpec
} from "../../schema/Instance.ts"
import { Breaker, closed } from "./Breaker.ts"

/** One attempt that holds a slot, from its acceptance until its end is told. */
export const Run = Schema.Struct({
  runId: Schema.String,
  attempt: Attempt,
  epoch: Schema.Int,
  acceptedAt: Schema.Finite,
  /** When the attempt's time is over. */
  deadlineAt: Schema.Finite,
  abort: Schema.optionalKey(Schema.Struct({ cause: AbortCause, deadlineAt: Schema.Finite })),
  /** At most `steeringsPerRun`. */
  steerings: Schema.Array(Steering)
})
export type Run = typeof Run.Type

export const InstanceRecord = Schema.Struct({
  spec: InstanceSpec,
  registeredAt: Schema.Finite,
  /**
   * Names this registration of the id: what a driver keeps belongs to one of them. Absent in those that older versions
   * made.
   */
  registration: Schema.optionalKey(Schema.String),
  /** In `destroyed`: nothing that the driver kept is left, as far as can be told. */
  erased: Schema.optionalKey(Schema.Boolean),
  phase: InstancePhase,
  health: InstanceHealth,
  reason: Schema.optionalKey(Schema.String),
  /** Counts starts: names the supervision under way, so that what an older one reports is not taken for this one's. */
  start: Schema.Int,
  fresh: Schema.Boolean,
  restarts: Schema.Int,
  recentRestarts: Schema.Array(Schema.Finite),
  /** When the phase must be over; set in every phase that waits. */
  deadlineAt: Schema.optionalKey(Schema.Finite),
  /** In `provisioning`: waits until then with nothing under way. */
  restartAt: Schema.optionalKey(Schema.Finite),
  /** In `draining`. */
  goal: Schema.optionalKey(StopGoal),
  /** In `draining`: `waiting` for runs, `aborting` them, `stopping` the gateway. */
  drain: Schema.optionalKey(Schema.Literals(["waiting", "aborting", "stopping"])),
  url: Schema.optionalKey(Schema.String),
  incarnation: Schema.optionalKey(Schema.String),
  version: Schema.optionalKey(Schema.String),
  bootId: Schema.optionalKey(Schema.String),
  /** As last reported; what runs right now is `runs`. */
  load: InstanceLoad,
  lastHeartbeatAt: Schema.optionalKey(Schema.Finite),
  /** When this boot of the gateway was first seen ready. */
  readyAt: Schema.optionalKey(Schema.Finite)
})
export type InstanceRecord = typeof InstanceRecord.Type

export const InstanceState = Schema.Struct({
  record: Schema.optionalKey(InstanceRecord),
  breaker: Breaker,
  /** By run id; never more than the instance's cap. */
  runs: Schema.HashMap(Schema.String, Run),
  latencyMillis: Schema.optionalKey(Schema.Finite)
})
export type InstanceState = typeof InstanceState.Type

export const initial: InstanceState = { breaker: closed, runs: HashMap.empty() }

/**
 * Names a run on its instance and at the gateway, where it is the idempotency key: two tenants may well use the same
 * task id on a shared instance, and must not be given each other's answers.
 */
export const runIdOf = (origin: AttemptOrigin, runKey: string): string =>
  `${origin.entityType}:${origin.entityId.replaceAll("/", ":")}:${runKey}`

/** For the driver: the spec, and whose registration it is. */
export const registeredSpec = ({ registration, spec }: InstanceRecord): RegisteredSpec =>
  registration === undefined ? spec : { ...spec, registration }

/** The instance exists, for whoever asks. */
export const isRegistered = (record: InstanceRecord | undefined): record is InstanceRecord =>
  record !== undefined && record.phase !== "destroyed"

/** Deregistered, with nothing running on it and nothing left of its files. */
export const isEnded = ({ record, runs }: InstanceState): boolean =>
  (record === undefined || (record.phase === "destroyed" && record.erased === true)) && HashMap.isEmpty(runs)

export const findRun = (state: InstanceState, matches: (run: Run) => boolean): Run | undefined => {
  for (const run of HashMap.values(state.runs)) if (matches(run)) return run
  return undefined
}

/** Sessions with a turn under way. Tasks have a session key of their own each, and count as tasks only. */
export const activeSessions = (state: InstanceState): ReadonlySet<string> => {
  const keys = new Set<string>()
  for (const { attempt } of HashMap.values(state.runs)) {
    if (attempt.origin.entityType === "Session") keys.add(attempt.sessionKey)
  }
  return keys
}

export const currentLoad = (state: InstanceState, load: InstanceLoad): InstanceLoad => ({
  ...load,
  runningTasks: HashMap.size(state.runs),
  activeSessions: activeSessions(state).size,
  ...(state.latencyMillis === undefined ? {} : { latencyMillis: state.latencyMillis })
})
