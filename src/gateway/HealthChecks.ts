/**
 * The evaluation of health checks: from the data read to a result, with text for an operator and a remedy. All
 * functions are pure. Health is public, so the texts name no host, no tenant and no instance dedicated to a tenant;
 * `clawster runners`, `shards` and `instance list` show the names behind the counts.
 */
import { isServed, type KnownPlacement, type ServedProbe } from "../ports/ClusterReads.ts"
import type { RunnerStatus, ShardGroup } from "../schema/ClusterStatus.ts"
import type { InstanceStatus } from "../schema/Instance.ts"

export interface Judgement {
  readonly ok: boolean
  readonly detail?: string
  readonly remedy?: string
  /** True when calls would fail. */
  readonly isDown?: boolean
}

const counted = (count: number, of: number, what: string): string => `${count} of ${of} ${what}${of === 1 ? "" : "s"}`

const isLive = ({ state }: RunnerStatus): boolean => state !== "gone"

const commitSlowMillis = 1_000

export const commit = (millis: number): Judgement =>
  millis < commitSlowMillis
    ? { ok: true, detail: `a commit took ${millis} ms` }
    : { ok: false, detail: `a commit took ${millis} ms`, remedy: "look at the database server's disk and load" }

/**
 * Fails when a registered runner is not `serving`, or when no runner is registered. Without a serving runner no call is
 * served.
 */
export const runners = (all: ReadonlyArray<RunnerStatus>): Judgement => {
  const ill = all.filter(({ state }) => state !== "serving")
  if (all.length > 0 && ill.length === 0) return { ok: true, detail: `${all.length} serve` }
  const causes = [...new Set(ill.map(({ cause, state }) => cause ?? state))].slice(0, 3).join("; ")
  return {
    ok: false,
    detail:
      all.length === 0 ? "none is registered" : `${counted(ill.length, all.length, "runner")} do not serve: ${causes}`,
    remedy:
      all.length === 0
        ? "start one: clawster runner"
        : "see clawster runners; one that is gone for good is forgotten after a day"
  }
}

const descriptorsHigh = 0.8
const lagHighMillis = 1_000

export const resources = (all: ReadonlyArray<RunnerStatus>): Judgement => {
  const live = all.filter(isLive)
  const full = live.filter(
    ({ descriptors }) => descriptors !== undefined && descriptors.open > descriptorsHigh * descriptors.most
  )
  const slow = live.filter(({ lagMillis = 0 }) => lagMillis > lagHighMillis)
  if (full.length + slow.length === 0) return { ok: true, detail: "no runner is near its limits" }
  const parts = [
    ...(full.length === 0 ? [] : [`${counted(full.length, live.length, "runner")} near the limit of file descriptors`]),
    ...(slow.length === 0
      ? []
      : [
          `${counted(slow.length, live.length, "runner")} with an event loop that is late by more than ${lagHighMillis} ms`
        ])
  ]
  return {
    ok: false,
    detail: parts.join("; "),
    remedy: "see clawster runners; raise the limit (ulimit -n), or add runners"
  }
}

/** Fails when a placement of runners does not answer a call. `isDown` when none does. */
export const serving = (probes: ReadonlyArray<ServedProbe>): Judgement => {
  const silent = probes.filter(({ ok }) => !ok)
  const slowest = Math.max(0, ...probes.map(({ millis }) => millis))
  if (probes.length > 0 && silent.length === 0) {
    return { ok: true, detail: `${probes.length} placements of runners answer, the slowest in ${slowest} ms` }
  }
  return probes.length === 0
    ? { ok: false, detail: "no runner owns a shard", remedy: "start one: clawster runner" }
    : {
        ok: false,
        isDown: silent.length === probes.length,
        detail: `${counted(silent.length, probes.length, "placement")} of runners do not answer calls`,
        remedy: "see clawster runners; one that cannot serve hands its shards over by itself within seconds"
      }
}

export const shards = (groups: ReadonlyArray<ShardGroup>, all: ReadonlyArray<RunnerStatus>): Judgement => {
  const served = new Set(all.filter(isLive).flatMap(({ placements }) => placements))
  const orphans = groups.filter(({ owner, placement }) => owner === undefined && served.has(placement))
  const count = orphans.reduce((sum, group) => sum + group.shards, 0)
  return count === 0
    ? { ok: true, detail: "every shard that a live runner may own has an owner" }
    : {
        ok: false,
        detail: `${count} shards have no owner yet`,
        remedy: "it takes seconds when a runner comes or goes; else see clawster shards"
      }
}

/** A placement without a live runner is a fault only when instances are registered there: hosts come and go. */
export const placements = (known: ReadonlyArray<KnownPlacement>): Judgement => {
  const wanted = known.filter(({ instances }) => instances > 0)
  const left = wanted.filter((placement) => !isServed(placement))
  const others = known.filter((placement) => !isServed(placement)).length - left.length
  const empty = others === 0 ? "" : `; ${others} without instances have none`
  return left.length === 0
    ? { ok: true, detail: `each of the ${wanted.length} placements with instances has a live runner${empty}` }
    : {
        ok: false,
        detail: `${counted(left.length, wanted.length, "placement")} with instances have no live runner${empty}`,
        remedy: "start their runners again, or remove the instances: clawster instance deregister --force"
      }
}

const namesMost = 5

const nameOf = ({ instanceId, tenancy }: InstanceStatus): string =>
  tenancy._tag === "shared" ? instanceId : "one of a tenant"

/** Instances that are stopped, or are being started or drained, count as intended. */
export const instances = (all: ReadonlyArray<InstanceStatus>): Judgement => {
  if (all.length === 0) return { ok: true, detail: "none is registered" }
  const isWanted = ({ health, phase }: InstanceStatus) =>
    phase !== "stopped" &&
    !(phase === "provisioning" && health === "unknown") &&
    phase !== "warming" &&
    phase !== "draining"
  const wanted = all.filter(isWanted)
  const ill = wanted.filter(({ health }) => health !== "healthy")
  const healthy = wanted.length - ill.length
  const isIdle = healthy === 0 && wanted.length === 0
  if (ill.length === 0 && !isIdle) return { ok: true, detail: `${healthy} of ${all.length} are healthy` }
  if (isIdle)
    return {
      ok: false,
      detail: `0 of ${all.length} are healthy; none is to run now`,
      remedy: "start one: clawster instance start"
    }
  const counts = new Map<string, number>()
  for (const { health } of ill) counts.set(health, (counts.get(health) ?? 0) + 1)
  const words = [...counts].map(([health, count]) => `${count} ${health}`).join(", ")
  const names = [...new Set(ill.map(nameOf))].slice(0, namesMost).join(", ")
  return {
    ok: false,
    detail: `${healthy} of ${all.length} are healthy; ${words}: ${names}${ill.length > namesMost ? ", …" : ""}`,
    remedy: "see clawster instance list, which says why"
  }
}

/** `count`: dead messages of the last day. */
export const messages = (count: number): Judgement =>
  count === 0
    ? { ok: true, detail: "no message between actors was given up in the last day" }
    : {
        ok: false,
        detail: `${count === 1_000 ? "a thousand or more" : count} messages between actors were given up in the last day`,
        remedy: "see clawster message list; deliver them again (replay) or remove them once the cause is mended"
      }

const outboxOldMillis = 60_000

export const outbox = ({
  oldestMillis,
  waiting
}: {
  readonly waiting: number
  readonly oldestMillis: number
}): Judgement =>
  oldestMillis < outboxOldMillis
    ? { ok: true, detail: `${waiting === 1_000 ? "a thousand or more" : waiting} messages between actors wait` }
    : {
        ok: false,
        detail: `a message between actors has waited for ${Math.round(oldestMillis / 1_000)} s`,
        remedy: "its receiver's machine may be gone: see clawster shards and clawster instance list"
      }
