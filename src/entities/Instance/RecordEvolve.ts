/** Folds one lifecycle event of the gateway into the record of an Instance actor. */
import type { InstanceEvent, InstanceEventOf } from "../../schema/events/InstanceEvents.ts"
import type { InstanceRecord } from "./InstanceState.ts"

export const registered = (event: InstanceEventOf<"instance.registered">): InstanceRecord => ({
  spec: event.secret.spec,
  registeredAt: event.at,
  ...(event.registration === undefined ? {} : { registration: event.registration }),
  phase: "stopped",
  health: "unknown",
  start: 0,
  fresh: false,
  restarts: 0,
  recentRestarts: [],
  load: { runningTasks: 0, activeSessions: 0, queuedTasks: 0 }
})

export const onRecord = (record: InstanceRecord, event: InstanceEvent): InstanceRecord => {
  switch (event._tag) {
    case "instance.updated":
      return { ...record, spec: event.secret.spec }
    case "instance.internal_share_set": {
      const { share: _, ...rest } = record
      return event.share === undefined ? rest : { ...rest, share: event.share }
    }
    case "instance.internal_slots_opened":
      return { ...record, grantsSlots: true }
    case "instance.starting":
    case "instance.internal_started":
    case "instance.ready":
    case "instance.internal_restart_planned":
      return onStart(record, event)
    case "instance.healthy":
    case "instance.degraded":
    case "instance.unhealthy":
    case "instance.internal_heartbeat":
      return onHealth(record, event)
    case "instance.draining":
    case "instance.stopping":
    case "instance.stopped":
    case "instance.failed":
    case "instance.deregistered":
    case "instance.internal_erased":
      return onStop(record, event)
    default:
      return record
  }
}

/** Without what the phase before waited for. */
const settled = ({ deadlineAt: _, drain: _drain, goal: _goal, restartAt: _restart, ...rest }: InstanceRecord) => rest

const calm = (record: InstanceRecord) => {
  const { reason: _, ...rest } = settled(record)
  return rest
}

const onStart = (
  record: InstanceRecord,
  event: InstanceEventOf<
    "instance.starting" | "instance.internal_started" | "instance.ready" | "instance.internal_restart_planned"
  >
): InstanceRecord => {
  switch (event._tag) {
    case "instance.starting":
      return {
        ...(event.reset ? calm(record) : settled(record)),
        phase: "provisioning",
        health: event.reset ? "unknown" : record.health,
        start: event.start,
        fresh: event.fresh,
        recentRestarts: event.reset ? [] : record.recentRestarts,
        deadlineAt: event.deadlineAt
      }
    case "instance.internal_started": {
      const { incarnation, lifelineMillis, url } = event
      const { lifelineMillis: _, ...before } = record
      const seen = { ...before, url, incarnation, ...(lifelineMillis === undefined ? {} : { lifelineMillis }) }
      return record.phase === "draining" ? seen : { ...settled(seen), phase: "warming", deadlineAt: event.deadlineAt }
    }
    case "instance.ready": {
      const isSameBoot = record.bootId === event.bootId && record.readyAt !== undefined
      const seen = {
        version: event.version,
        bootId: event.bootId,
        health: "healthy" as const,
        readyAt: isSameBoot ? record.readyAt : event.at
      }
      if (record.phase === "draining") return { ...record, ...seen }
      return { ...calm(record), ...seen, phase: "warm", lastHeartbeatAt: event.at }
    }
    case "instance.internal_restart_planned":
      return {
        ...settled(record),
        phase: "provisioning",
        fresh: event.fresh,
        restartAt: event.restartAt,
        restarts: record.restarts + 1,
        recentRestarts: event.recent
      }
  }
}

const onHealth = (
  record: InstanceRecord,
  event: InstanceEventOf<
    "instance.healthy" | "instance.degraded" | "instance.unhealthy" | "instance.internal_heartbeat"
  >
): InstanceRecord => {
  switch (event._tag) {
    case "instance.healthy": {
      const { reason: _, ...rest } = record
      return { ...rest, health: "healthy" }
    }
    case "instance.degraded":
      return { ...record, health: "degraded", reason: event.reason }
    case "instance.unhealthy":
      return { ...record, health: "unhealthy", reason: event.reason }
    case "instance.internal_heartbeat":
      return { ...record, load: event.load, onSlots: event.onSlots ?? 0, lastHeartbeatAt: event.at }
  }
}

const onStop = (
  record: InstanceRecord,
  event: InstanceEventOf<
    | "instance.draining"
    | "instance.stopping"
    | "instance.stopped"
    | "instance.failed"
    | "instance.deregistered"
    | "instance.internal_erased"
  >
): InstanceRecord => {
  switch (event._tag) {
    case "instance.draining":
      return {
        ...record,
        phase: "draining",
        goal: event.goal,
        drain: event.aborting ? "aborting" : "waiting",
        deadlineAt: event.deadlineAt
      }
    case "instance.stopping":
      return {
        ...settled(record),
        phase: "draining",
        goal: event.goal,
        drain: "stopping",
        deadlineAt: event.deadlineAt
      }
    case "instance.stopped":
      return { ...settled(record), phase: "stopped", health: "unknown", reason: event.reason }
    case "instance.failed":
      return { ...settled(record), phase: "failed", health: "unhealthy", reason: event.reason }
    case "instance.deregistered":
      return { ...calm(record), phase: "destroyed", health: "unknown" }
    case "instance.internal_erased":
      return { ...record, erased: true }
  }
}
