/** The deadlines and bounds of an Instance actor, in milliseconds unless named otherwise, and its restart plan. */
import type { DriverKind, InstanceSpec } from "../../schema/Instance.ts"
import type { Supervision } from "../../schema/Supervision.ts"

/** The driver start: its own startup probe, and the wait for its turn where a host starts many. */
export const startLimitOf = (supervision: Supervision = {}): number =>
  480_000 + Math.max(120_000, supervision.startupMillis ?? 0)
/** From a started gateway to its first `hello`. */
export const warmLimitOf = (supervision: Supervision = {}): number => supervision.readyMillis ?? 60_000
/** A graceful stop, the driver's force included. */
export const stopLimit = 90_000
/** What the driver is given for a graceful stop; runs are over by then. */
export const stopGrace = 10_000
/** How long an abort may take at the gateway before the run is ended without it. */
export const abortLimit = 15_000
/** How long the abort activity waits for a link. */
export const abortLinkWait = 8_000
/**
 * How long runs wait for a gateway that is away: those that never began are then given back to their lane, the others
 * end as failed. With the lane's first backoff the work is elsewhere within 30 s.
 */
export const awayLimit = 25_000
/**
 * The same for a run that was sent to a process of ours, which is started again at once: OpenClaw needs 10 to 60 s for
 * it on a busy machine, and then goes on with the turn by itself. Giving it up before would have its tools act twice.
 */
export const restartLimit = 90_000

export const awayLimitOf = (driver: DriverKind | undefined): number => (driver === "process" ? restartLimit : awayLimit)
/** A link that is lost for silence was quiet for so long. */
export const silenceBefore = 20_000
/** A connection that held this long was one: the wait for the gateway starts anew when it ends. */
export const steadyLink = 5_000
/** How long after its limit a run that the gateway did not end is aborted. */
export const guardSlack = 5_000
/** The wake-up for it is rounded up to this, so that it seldom changes while runs come and go. */
export const guardStep = 5_000
/** Messages under way into one running turn. */
export const steeringsPerRun = 16

/** Between two health checks. */
export const checkEveryOf = (supervision: Supervision = {}): number => supervision.probeEveryMillis ?? 2_000
/**
 * The load is stored when it changed, and at least so often: a fleet of hundreds that does nothing writes next to
 * nothing.
 */
export const loadEvery = 30_000
/** Between two looks at cpu, memory and the gateway's queues. */
export const measureEvery = 15_000
/** A change of cpu or memory by less is not stored before `loadEvery`. */
export const loadStep = 0.1
/** Failed probes in a row: unhealthy, and given up as hung. */
export const probesUnhealthyOf = (supervision: Supervision = {}): number => supervision.unhealthyAfterProbes ?? 3
export const probesHungOf = (supervision: Supervision = {}): number => supervision.restartAfterProbes ?? 15
/** How long the link may be down: unhealthy, and (own gateways) restarted. */
export const linkUnhealthy = 5_000
export const linkHung = 60_000
/** A link that is lost so often is no link: the gateway is unhealthy until it keeps one. */
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
 * When to start again, where its supervision does not say otherwise. Own gateways: 1 s doubling to 60 s, at most five
 * times in ten minutes or without being ready in between, and not at all when trying again cannot help. Remote ones are
 * somebody else's to mend, so they are tried for ever: up to every 60 s, or every 5 minutes when they refused us
 * (token, protocol).
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

/** Least time between two reports of a run's text. */
export const textEvery = 500
/** A report carries the end of the text, at most this many characters. */
export const textTail = 2_048
/** Tool reports of one run; later ones are left out. */
export const toolReports = 500
/** Between two tries to reach a run: the first wait, doubling to the last. */
export const retryWait = { first: 100, last: 5_000 }
/** Requests that the gateway answers with "not now" before the attempt is given up. */
export const unavailableLimit = 10
/** The same for requests that it does not answer at all, each within its own time. */
export const unansweredLimit = 3

/** Deleting the gateway's sessions of what has ended, in milliseconds or numbers of sessions. */
export const tidy = {
  every: 5_000,
  /** From a run's end: by then its lane has recorded it. */
  after: 15_000,
  atOnce: 100,
  /** Ends of runs that are noted; what is above is found by the sweep. */
  noted: 10_000,
  sweepEvery: 600_000,
  sweepPages: 50,
  /** The sweep leaves alone what was used since. */
  idle: 600_000,
  /** Of which there is neither task nor session any more: a task's history is kept for so long. */
  unknown: 7 * 86_400_000
} as const

/** Weight of the newest turn in the mean latency. */
export const latencyWeight = 0.2
