/**
 * The state of an Instance actor. `record` changes with the gateway's lifecycle and `runs` with every attempt, so that
 * values derived from the record alone need not be computed again for each run.
 */
import { Effect, HashMap, Schema } from "effect"
import type { ActorRef } from "../../schema/ActorRef.ts"
import { Attempt, sessionOf } from "../../schema/runs/Attempt.ts"
import { AbortCause, Steering, StopGoal } from "../../schema/events/InstanceEvents.ts"
import {
  InstanceHealth,
  InstanceLoad,
  InstancePhase,
  InstanceSpec,
  type RegisteredSpec
} from "../../schema/Instance.ts"
import { RecentFailures } from "../../schema/instance/RecentFailures.ts"
import { Breaker, closed } from "./Breaker.ts"
import * as SlotBook from "./slots/SlotBook.ts"

/** One attempt that holds a slot, from its acceptance until its end is reported. */
export const Run = Schema.Struct({
  runId: Schema.String,
  attempt: Attempt,
  epoch: Schema.Int,
  acceptedAt: Schema.Finite,
  /** Unix milliseconds at which the attempt's time is over. */
  deadlineAt: Schema.Finite,
  /** It runs on a slot that is held: by its origin, or for this run (`ownSlot`), whose end then returns it. */
  onSlot: Schema.optionalKey(Schema.Boolean),
  ownSlot: Schema.optionalKey(Schema.Boolean),
  abort: Schema.optionalKey(Schema.Struct({ cause: AbortCause, deadlineAt: Schema.Finite })),
  /** At most `steeringsPerRun` messages in flight into the turn. */
  steerings: Schema.Array(Steering)
})
export type Run = typeof Run.Type

/** One attempt that waits for a slot. */
export const QueuedRun = Schema.Struct({
  attempt: Attempt,
  /** Unix milliseconds at which it is refused. */
  until: Schema.Finite
})
export type QueuedRun = typeof QueuedRun.Type

export const InstanceRecord = Schema.Struct({
  spec: InstanceSpec,
  registeredAt: Schema.Finite,
  /**
   * Identifies this registration of the id: the files that a driver keeps belong to one registration. Absent in
   * registrations that older versions made.
   */
  registration: Schema.optionalKey(Schema.String),
  /**
   * Set in `destroyed` once the removal of what the driver kept has ended; what could not be removed is left to the
   * host's sweep.
   */
  erased: Schema.optionalKey(Schema.Boolean),
  phase: InstancePhase,
  health: InstanceHealth,
  reason: Schema.optionalKey(Schema.String),
  /**
   * Number of starts. It identifies the current supervision, so that a report of an earlier one is not taken for its
   * report.
   */
  start: Schema.Int,
  fresh: Schema.Boolean,
  restarts: Schema.Int,
  recentRestarts: Schema.Array(Schema.Finite),
  /** Unix milliseconds at which the phase must be over; set in every phase that waits. */
  deadlineAt: Schema.optionalKey(Schema.Finite),
  /** Unix milliseconds of a planned restart. Set in `provisioning`; until then no activity is running. */
  restartAt: Schema.optionalKey(Schema.Finite),
  /** How many of the deployment's cap on what runs at once are this instance's. Absent without such a cap. */
  share: Schema.optionalKey(Schema.Int),
  /** Set in `draining`. */
  goal: Schema.optionalKey(StopGoal),
  /** Set in `draining`: `waiting` for runs to end, `aborting` them, or `stopping` the gateway. */
  drain: Schema.optionalKey(Schema.Literals(["waiting", "aborting", "stopping"])),
  url: Schema.optionalKey(Schema.String),
  incarnation: Schema.optionalKey(Schema.String),
  /** Milliseconds after which the gateway has ended by itself when nobody renews it. Absent when it never does. */
  lifelineMillis: Schema.optionalKey(Schema.Finite),
  version: Schema.optionalKey(Schema.String),
  bootId: Schema.optionalKey(Schema.String),
  /** The load as last reported; the attempts running now are in `runs`. */
  load: InstanceLoad,
  /** Attempts on slots of their origins as last reported: they are not in `runs`. */
  onSlots: Schema.optionalKey(Schema.Int),
  lastHeartbeatAt: Schema.optionalKey(Schema.Finite),
  /** Unix milliseconds at which this boot of the gateway was first seen ready. */
  readyAt: Schema.optionalKey(Schema.Finite),
  /** Work starts on granted slots. Without it an attempt is accepted while fewer than `maxConcurrentTasks` run. */
  grantsSlots: Schema.optionalKey(Schema.Boolean)
})
export type InstanceRecord = typeof InstanceRecord.Type

export const InstanceState = Schema.Struct({
  record: Schema.optionalKey(InstanceRecord),
  breaker: Breaker,
  /** Keyed by run id. An attempt is accepted only while there are fewer runs than `maxConcurrentTasks`. */
  runs: Schema.HashMap(Schema.String, Run),
  /** Attempts that wait for a slot, by run id: at most `queuedMost`. */
  queued: Schema.HashMap(Schema.String, QueuedRun).pipe(Schema.withDecodingDefaultKey(Effect.succeed(HashMap.empty()))),
  /** Slots that others hold. Together with the runs there are at most `maxConcurrentTasks`. */
  slots: SlotBook.SlotBook.pipe(Schema.withDecodingDefaultKey(Effect.succeed(SlotBook.empty))),
  latencyMillis: Schema.optionalKey(Schema.Finite),
  recentFailures: Schema.optionalKey(RecentFailures)
})
export type InstanceState = typeof InstanceState.Type

export const initial: InstanceState = {
  breaker: closed,
  runs: HashMap.empty(),
  queued: HashMap.empty(),
  slots: SlotBook.empty
}

/**
 * Identifies a run on its instance and at the gateway, where it is the idempotency key. It contains the origin, because
 * two tenants may use the same task id on a shared instance and must not receive each other's answers.
 */
export const runIdOf = (origin: ActorRef, runKey: string): string =>
  `${origin.entityType}:${origin.entityId.replaceAll("/", ":")}:${runKey}`

/** The spec as the driver gets it, with the registration that it belongs to. */
export const registeredSpec = ({ registration, spec }: InstanceRecord): RegisteredSpec =>
  registration === undefined ? spec : { ...spec, registration }

/** Tenant of a dedicated instance, from one of its encoded events that has the spec or from its encoded state. */
export const secretTenant = (encoded: {
  readonly secret?: { readonly spec?: typeof InstanceSpec.Encoded }
  readonly record?: { readonly spec: typeof InstanceSpec.Encoded }
}): string | undefined => {
  const tenancy = (encoded.secret?.spec ?? encoded.record?.spec)?.tenancy
  return tenancy?._tag === "dedicated" ? tenancy.tenantId : undefined
}

/** Whether the instance exists for its callers. */
export const isRegistered = (record: InstanceRecord | undefined): record is InstanceRecord =>
  record !== undefined && record.phase !== "destroyed"

/**
 * Whether nothing is left of the instance: it was never registered, or is deregistered and the removal of its files has
 * ended, and nothing runs on it.
 */
export const isEnded = ({ record, runs }: InstanceState): boolean =>
  (record === undefined || (record.phase === "destroyed" && record.erased === true)) && HashMap.isEmpty(runs)

/** Slots that are held, and runs that take one which nobody holds. */
export const takenOf = ({ runs, slots }: Pick<InstanceState, "runs" | "slots">): number =>
  SlotBook.heldOf(slots) + HashMap.reduce(runs, 0, (sum, { onSlot }) => (onSlot === true ? sum : sum + 1))

export const findRun = (state: InstanceState, matches: (run: Run) => boolean): Run | undefined => {
  for (const run of HashMap.values(state.runs)) if (matches(run)) return run
  return undefined
}

/** Session keys with a running turn of a session. Runs of tasks are left out; they count as tasks only. */
export const activeSessions = (state: InstanceState): ReadonlySet<string> => {
  const keys = new Set<string>()
  for (const { attempt } of HashMap.values(state.runs)) {
    if (sessionOf(attempt) !== undefined) keys.add(attempt.sessionKey)
  }
  return keys
}

export const currentLoad = (state: InstanceState, load: InstanceLoad): InstanceLoad => ({
  ...load,
  runningTasks: HashMap.size(state.runs) + (state.record?.onSlots ?? 0),
  activeSessions: activeSessions(state).size,
  ...(state.latencyMillis === undefined ? {} : { latencyMillis: state.latencyMillis })
})
