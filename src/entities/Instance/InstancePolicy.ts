/** Deadlines and bounds of an Instance actor, in milliseconds unless stated otherwise, and its restart plan. */
import type { Attempt } from "../../schema/runs/Attempt.ts"
import type { InstanceSpec } from "../../schema/Instance.ts"
import type { Supervision } from "../../schema/instance/Supervision.ts"

/**
 * Timeout of a driver start: the driver's own startup probe, and the wait in the queue of a host that starts many
 * gateways at once.
 */
export const startLimitOf = (supervision: Supervision = {}): number =>
  480_000 + Math.max(120_000, supervision.startupMillis ?? 0)
/** Timeout from a started gateway to its first `hello`. */
export const warmLimitOf = (supervision: Supervision = {}): number => supervision.readyMillis ?? 60_000
/** Timeout of a graceful stop, including the driver's forced stop. */
export const stopLimit = 90_000
/** Grace period that the driver gets for a graceful stop. A drain stops the gateway only after its runs have ended. */
export const stopGrace = 10_000
/** How long an abort may take at the gateway before the run is ended without a confirmation. */
export const abortLimit = 15_000
/** How long the abort activity waits for a connected link. Also the timeout for delivering a steered message. */
export const abortLinkWait = 8_000
/**
 * How long runs wait for an unreachable gateway. After that, runs that were never sent are returned to their lane and
 * the others end as failed. With the lane's first backoff, the work runs elsewhere within 30 s.
 */
export const awayLimit = 25_000
/**
 * The same limit for a run that was sent to a gateway process of ours. Such a process is restarted at once; OpenClaw
 * needs 10 to 60 s for that on a busy machine and then continues the turn by itself. Giving up the run earlier would
 * make its tools act twice.
 */
export const restartLimit = 90_000

/** A remote gateway that is waited for is so until the attempt's own time is over, which the actor's timer ends. */
export const awayLimitOf = (
  spec: Pick<InstanceSpec, "driver" | "supervision"> | undefined,
  { timeoutMillis }: Pick<Attempt, "timeoutMillis">
): number => {
  if (spec?.driver === "process") return restartLimit
  return spec?.driver === "remote" && spec.supervision?.whenAway === "wait" ? timeoutMillis + guardSlack : awayLimit
}
/**
 * An instance that was not heard of for this long, and comes back with runs, may have lost them to others. It waits
 * `recallWait` for their origins to take them back before it starts a gateway, which would go on with them by itself: a
 * message that could not be delivered is tried again within some 6 s.
 */
export const awayLong = 12_000
export const recallWait = 8_000
/** A link that is closed as silent has already been quiet for this long. */
export const silenceBefore = 20_000
/** A connection that lasted this long counts as a working one: when it ends, the wait for the gateway starts anew. */
export const steadyLink = 5_000
/** Time after a run's own limit at which the actor aborts a run that the gateway did not end. */
export const guardSlack = 5_000
/** The timer for that abort is rounded up to a multiple of this, so that it seldom changes while runs start and end. */
export const guardStep = 5_000
/** Maximum attempts that wait for a slot at one instance; further ones are refused. */
export const queuedMost = 256
/** How long an attempt waits for a slot before it is refused, so that its origin may look elsewhere. */
export const queuedLimit = 10_000
/** Head start of an attempt at a turn before the tasks of its tenant: a person waits for it. */
export const turnHeadStart = 3_600_000
/** Maximum messages in flight into one running turn. */
export const steeringsPerRun = 16

/** Interval between two health checks. */
export const checkEveryOf = (supervision: Supervision = {}): number => supervision.probeEveryMillis ?? 2_000
/**
 * The load is stored when it has changed, and otherwise at this interval, so that a fleet of hundreds of idle instances
 * writes next to nothing.
 */
export const loadEvery = 30_000
/** Interval between two measurements of CPU, memory and the gateway's queues. */
export const measureEvery = 15_000
/**
 * A change of CPU or memory is not stored before `loadEvery` when it is at most this fraction of the stored value. For
 * CPU, a change of at most this share of one core is not stored either.
 */
export const loadStep = 0.1
/**
 * Consecutive failed probes after which the gateway is unhealthy, and (`probesHungOf`) after which it is given up as
 * hung.
 */
export const probesUnhealthyOf = (supervision: Supervision = {}): number => supervision.unhealthyAfterProbes ?? 3
export const probesHungOf = (supervision: Supervision = {}): number => supervision.restartAfterProbes ?? 15
/**
 * How long the link may be down before the gateway is unhealthy, and (`linkHung`, own gateways) before it is restarted.
 */
export const linkUnhealthy = 5_000
export const linkHung = 60_000
/** A link that is lost this often within the window is flapping: the gateway is unhealthy until a link lasts. */
export const unsteadyLink = { times: 5, withinMillis: 60_000 } as const

const window = 600_000
const restartsInWindow = 5
const restartWait = { firstMillis: 1_000, longestMillis: 60_000 }
const refusedWait = { firstMillis: 30_000, longestMillis: 300_000 }
const timesKept = 10

export type RestartPlan =
  | { readonly _tag: "Restart"; readonly restartAt: number; readonly recent: ReadonlyArray<number> }
  | { readonly _tag: "GiveUp"; readonly because: string }

/**
 * When to restart a gateway, unless its supervision says otherwise. Own gateways: exponential backoff from 1 s to 60 s.
 * They are given up after five restarts within ten minutes, after five restarts without being ready in between, or at
 * once when a retry cannot help. Remote gateways are operated by others, so they are retried for ever: with the same
 * backoff, or with a backoff from 30 s to 5 minutes when they refused us (token, protocol).
 */
export const planRestart = (
  { driver, supervision = {} }: Pick<InstanceSpec, "driver" | "supervision">,
  recentStarts: ReadonlyArray<number>,
  now: number,
  { retryable, wasReady }: { readonly retryable: boolean; readonly wasReady: boolean }
): RestartPlan => {
  const recent = recentStarts.filter((at) => !wasReady || at > now - window).slice(-timesKept)
  const own = driver !== "remote"
  if (own && !retryable) return { _tag: "GiveUp", because: "trying again cannot help" }
  const times = supervision.restartsMost ?? restartsInWindow
  if (own && recent.length >= times) return { _tag: "GiveUp", because: `it was restarted ${times} times` }
  const { firstMillis, longestMillis } = retryable ? { ...restartWait, ...supervision.restart } : refusedWait
  return {
    _tag: "Restart",
    restartAt: now + Math.min(longestMillis, firstMillis * 2 ** recent.length),
    recent: [...recent, now].slice(-timesKept)
  }
}

/** Minimum interval between two reports of a run's text. */
export const textEvery = 500
/** A report carries the end of the text, at most this many characters. */
export const textTail = 2_048
/** Maximum tool reports of one run; later tool calls are not reported. */
export const toolReports = 500
/** Backoff between two attempts to reach the gateway for a run: the first wait, doubling to the last. */
export const retryWait = { first: 100, last: 5_000 }
/** Consecutive requests answered with "not now" after which the attempt is given up. */
export const unavailableLimit = 10
/** Consecutive requests that time out without an answer after which the attempt is given up. */
export const unansweredLimit = 3

/** Bounds for deleting the gateway sessions of what has ended: times in milliseconds, otherwise counts. */
export const tidy = {
  every: 5_000,
  /** Delay after a run's end; by then its lane has recorded the end. */
  after: 15_000,
  atOnce: 100,
  /** Maximum run ends kept in memory; the sweep finds the others. */
  noted: 10_000,
  sweepEvery: 600_000,
  sweepPages: 50,
  /** The sweep skips sessions that were used within this time. */
  idle: 600_000
} as const

/** Weight of the newest turn in the mean latency. */
export const latencyWeight = 0.2
