/** Commands that change or read the lifecycle of a gateway. */
import { Equal } from "effect"
import type { DecideContext, Decision } from "../../actor/Actor.ts"
import { answer, refuse } from "../../actor/Actor.ts"
import { Conflict, NotFound } from "../../schema/Errors.ts"
import type { InstanceEvent } from "../../schema/events/InstanceEvents.ts"
import { parseInstanceEntityId } from "../../schema/Ids.ts"
import type { InstanceSpec, InstanceStatus } from "../../schema/Instance.ts"
import { currentLoad, type InstanceRecord, type InstanceState, isRegistered } from "./InstanceState.ts"
import { statusOf } from "./InstanceView.ts"
import { beginDrain, beginStart, beginStopping } from "./LifecycleTransitions.ts"
import { draft, type InstanceDraft } from "./runs/RunTransitions.ts"

type StatusDecision<E = never> = Decision<InstanceEvent, InstanceStatus, E>

const done = (change: InstanceDraft): StatusDecision => change.accept(statusOf(change.state, change.state.record!))

export const unknown = (entityId: string) => {
  const { instanceId } = parseInstanceEntityId(entityId)
  return refuse(
    new NotFound({
      kind: "instance",
      id: instanceId,
      message: `no instance ${instanceId} is registered here; register it first`
    })
  )
}

const conflict = (record: InstanceRecord, message: string) =>
  refuse(new Conflict({ message: `instance ${record.spec.instanceId} ${message}`, state: record.phase }))

/** Names of the fields whose values differ. The values are left out because they may be secrets. */
const differences = (known: InstanceSpec, given: InstanceSpec): string => {
  const fields = new Set([...Object.keys(known), ...Object.keys(given)] as Array<keyof InstanceSpec>)
  return [...fields].filter((field) => !Equal.equals(known[field], given[field])).join(", ")
}

const howToChange = (instanceId: string): string =>
  `Change it in place with PUT /instances/${instanceId} (clawster instance update ${instanceId}), or use another id`

export const register = (
  state: InstanceState,
  { spec }: { readonly spec: InstanceSpec },
  { entityId, now }: DecideContext
): StatusDecision<Conflict> => {
  const { instanceId, placement } = parseInstanceEntityId(entityId)
  if (spec.instanceId !== instanceId || spec.placement !== placement) {
    return refuse(
      new Conflict({
        message: `the spec is of ${spec.instanceId} in ${spec.placement}, but was sent to ${instanceId} in ${placement}`
      })
    )
  }
  if (isRegistered(state.record)) {
    return Equal.equals(state.record.spec, spec)
      ? answer(statusOf(state, state.record))
      : conflict(
          state.record,
          `is registered with another spec: ${differences(state.record.spec, spec)}. ${howToChange(instanceId)}`
        )
  }
  const change = draft(state)
  change.emit({
    _tag: "instance.registered",
    instanceId,
    ...(spec.tenancy._tag === "dedicated" ? { tenantId: spec.tenancy.tenantId } : {}),
    driver: spec.driver,
    placement,
    ...(spec.region === undefined ? {} : { region: spec.region }),
    capabilities: spec.capabilities,
    at: now,
    registration: nextRegistration(state.record, now),
    secret: { spec }
  })
  beginStart(change, now, { reset: true })
  return done(change)
}

/** A name that no earlier registration of this id had, even when the previous one ended in the same millisecond. */
const nextRegistration = (before: InstanceRecord | undefined, now: number): string => {
  const last = Number.parseInt(before?.registration ?? "0", 36)
  return Math.max(now, Number.isNaN(last) ? 0 : last + 1).toString(36)
}

/**
 * Starts an instance that is stopped, has failed or waits for a planned restart; the wait ends, and earlier failures no
 * longer count. An instance that is starting or running is left unchanged. Fails with `NotFound` when the instance is
 * not registered, and with `Conflict` while it is draining.
 */
export const start = (
  state: InstanceState,
  _: void,
  { entityId, now }: DecideContext
): StatusDecision<NotFound | Conflict> => {
  const { record } = state
  if (!isRegistered(record)) return unknown(entityId)
  if (record.phase === "draining") return conflict(record, "is draining; start it when it has stopped")
  const idle = record.phase === "stopped" || record.phase === "failed" || record.restartAt !== undefined
  if (!idle) return answer(statusOf(state, record))
  const change = draft(state)
  beginStart(change, now, { reset: true })
  return done(change)
}

/** One day. */
const maxDrainMillis = 86_400_000

/** Of two deadlines the earlier one applies. An abort or a stop that has already begun continues unchanged. */
const end = (
  state: InstanceState,
  goal: "stop" | "drain",
  millis: number,
  { entityId, now }: DecideContext
): StatusDecision<NotFound | Conflict> => {
  const { record } = state
  if (!isRegistered(record)) return unknown(entityId)
  const over = record.phase === "stopped" || record.drain === "stopping" || record.drain === "aborting"
  if (over) return answer(statusOf(state, record))
  const change = draft(state)
  if (record.phase === "failed") beginStopping(change, goal, now)
  else {
    const asked = now + Math.min(maxDrainMillis, Math.max(0, millis))
    const deadlineAt = record.phase === "draining" ? Math.min(asked, record.deadlineAt ?? asked) : asked
    beginDrain(change, record.goal === "deregister" ? "deregister" : goal, deadlineAt, now)
  }
  return done(change)
}

export const stop = (
  state: InstanceState,
  { graceMillis }: { readonly graceMillis: number },
  context: DecideContext
): StatusDecision<NotFound | Conflict> => end(state, "stop", graceMillis, context)

export const drain = (
  state: InstanceState,
  { deadlineMillis }: { readonly deadlineMillis: number },
  context: DecideContext
): StatusDecision<NotFound | Conflict> => end(state, "drain", deadlineMillis, context)

export const deregister = (
  state: InstanceState,
  { force }: { readonly force: boolean },
  { entityId, now }: DecideContext
): StatusDecision<NotFound | Conflict> => {
  const { record } = state
  if (!isRegistered(record)) return unknown(entityId)
  const running = currentLoad(state, record.load).runningTasks
  if (running > 0 && !force) {
    return conflict(record, `runs ${running} attempts; drain it first, or deregister with force`)
  }
  const change = draft(state)
  if (record.phase === "stopped" || (record.phase === "failed" && force)) {
    change.emit({ _tag: "instance.deregistered", instanceId: record.spec.instanceId })
  } else if (record.phase === "failed") beginStopping(change, "deregister", now)
  else beginDrain(change, "deregister", now, now)
  return done(change)
}

export const get = (state: InstanceState, _: void, { entityId }: DecideContext): StatusDecision<NotFound> =>
  isRegistered(state.record) ? answer(statusOf(state, state.record)) : unknown(entityId)
