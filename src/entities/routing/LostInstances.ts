/**
 * Instances that have been unknown, or missing from the fleet, for so long that their work is given up and retried
 * elsewhere. One watch serves all actors of a runner.
 *
 * Time counts only while the fleet can be read without a pause: after an outage of the store, or of this runner, every
 * heartbeat looks old for a moment, and no work must be given up for that.
 */
import { Clock, Effect, Latch, Schedule, type Scope } from "effect"
import type { InstanceId } from "../../schema/Ids.ts"
import type { InstanceStatus } from "../../schema/Instance.ts"
import { confirmedWithinMillis, silentAfterMillis, silentReason } from "../../schema/instance/Liveness.ts"
import { Fleet } from "../../ports/Fleet.ts"

/**
 * The least time for which an instance is unknown before its work is given up: a runner that is only restarted has that
 * long to come back and follow its runs to their ends. A gateway of ours may still run meanwhile, so its work waits
 * until it has certainly ended by itself: its lifeline after the last moment at which it may have been renewed. A
 * machine that was killed is unknown after some two seconds, a machine that went silent after 7.5 to 10 s; with the
 * default lifeline of 16 s its work runs elsewhere within 30 s of its failure.
 */
export const giveUpAfterMillis = 12_000
/** The lifeline of a gateway of ours whose runner is of an older version and does not say. */
const formerLifelineMillis = 75_000
const lookEvery = "500 millis"
/** Longest pause between two reads of the fleet; after a longer one the time starts again from zero. */
const pauseMillis = 3_000

/** An instance that stays missing is forgotten after this time, unless it is asked for again. */
const forgetAfterMillis = 600_000

const goneReason = "it is not registered any more"

/** Milliseconds from the last moment at which readers took the instance for alive to the end of its work there. */
const waitOf = ({ driver, lifelineMillis, supervision }: InstanceStatus): number => {
  if (lifelineMillis !== undefined) return Math.max(giveUpAfterMillis, confirmedWithinMillis + lifelineMillis)
  if (driver === "process") return formerLifelineMillis
  return driver === "remote" && supervision?.whenAway === "wait" ? Infinity : giveUpAfterMillis
}

/** Whether what runs on a lost instance fails, instead of being tried elsewhere. */
export const failsOn = (fleet: ReadonlyArray<InstanceStatus>, instanceId: InstanceId): boolean => {
  const status = fleet.find((known) => known.instanceId === instanceId)
  return status?.driver === "remote" && status.supervision?.whenAway === "fail"
}

interface Doubted {
  readonly reason: string
  readonly waitMillis: number
}

interface Missing extends Doubted {
  /** Unix milliseconds at which the instance was last taken for alive, at the latest. */
  readonly at: number
}

/** One that is silent was heard of last three heartbeats before. */
const aliveAt = (readAt: number, reason: string): number =>
  reason === silentReason ? readAt - silentAfterMillis : readAt

export class LostInstances {
  #revision = 0
  #readAt = -Infinity
  /** Instances that have been unknown or missing without a pause in the reads. */
  #since: ReadonlyMap<InstanceId, Missing> = new Map()
  /** The wait of each instance that was listed last. */
  #known: ReadonlyMap<InstanceId, number> = new Map()
  #lost: ReadonlyMap<InstanceId, string> = new Map()
  /** Instances that were asked for, and may have been missing before this runner first read the fleet. */
  readonly #asked = new Set<InstanceId>()
  readonly #changed = Latch.makeUnsafe(false)

  /** Watches for as long as the scope is open. */
  static readonly make: Effect.Effect<LostInstances, never, Fleet | Scope.Scope> = Effect.gen(function* () {
    const lost = new LostInstances()
    const fleet = yield* Fleet
    const look = Effect.gen(function* () {
      const readAt = yield* fleet.readAt ?? Clock.currentTimeMillis
      if (readAt !== undefined) yield* lost.note(yield* fleet.snapshot, readAt)
    })
    yield* look.pipe(Effect.repeat(Schedule.spaced(lookEvery)), Effect.forkScoped)
    return lost
  })

  /**
   * Incremented when an instance is lost or found again. Read it before asking, so that no change is missed between the
   * two.
   */
  get revision(): number {
    return this.#revision
  }

  /** Completes once there is a later revision; at once when there already is. */
  laterThan(revision: number): Effect.Effect<void> {
    return Effect.suspend(() => (this.#revision > revision ? Effect.void : this.#changed.await))
  }

  /** Why the instance is lost; undefined while it is not lost. */
  reasonOf(instanceId: InstanceId): string | undefined {
    if (!this.#known.has(instanceId)) this.#asked.add(instanceId)
    return this.#lost.get(instanceId)
  }

  /** Milliseconds after which the work of an instance has certainly ended when nobody keeps its gateway. */
  waitMillisOf(instanceId: InstanceId): number {
    return this.#known.get(instanceId) ?? this.#since.get(instanceId)?.waitMillis ?? formerLifelineMillis
  }

  /** Whether the instance is lost because the fleet does not list it any more. */
  isGone(instanceId: InstanceId): boolean {
    return this.reasonOf(instanceId) === goneReason
  }

  /** Records the fleet as it was last read, at `readAt` (Unix milliseconds by this process's clock). */
  note(snapshot: ReadonlyArray<InstanceStatus>, readAt: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (readAt <= this.#readAt) return Effect.void
      const isPaused = readAt - this.#readAt > pauseMillis
      this.#readAt = readAt
      const since = new Map<InstanceId, Missing>()
      for (const [id, doubted] of this.#missing(snapshot)) {
        const before = isPaused ? undefined : this.#since.get(id)
        const at = isPaused ? readAt : (before?.at ?? aliveAt(readAt, doubted.reason))
        if (doubted.reason !== goneReason || readAt - at < forgetAfterMillis) since.set(id, { ...doubted, at })
      }
      this.#since = since
      const lost = new Map(
        [...since].flatMap(([id, { at, reason, waitMillis }]) =>
          readAt - at >= waitMillis ? [[id, reason] as const] : []
        )
      )
      const isSame = lost.size === this.#lost.size && [...lost.keys()].every((id) => this.#lost.has(id))
      this.#lost = lost
      if (isSame) return Effect.void
      this.#revision++
      return this.#changed.release
    })
  }

  #missing(snapshot: ReadonlyArray<InstanceStatus>): ReadonlyMap<InstanceId, Doubted> {
    const known = new Map(snapshot.map((status) => [status.instanceId, waitOf(status)]))
    const gone = [...this.#known.keys(), ...this.#since.keys(), ...this.#asked].filter((id) => !known.has(id))
    const goneOnes = gone.map((id) => [id, { reason: goneReason, waitMillis: this.waitMillisOf(id) }] as const)
    this.#known = known
    this.#asked.clear()
    return new Map([
      ...goneOnes,
      ...snapshot.flatMap((status) =>
        status.health === "unknown"
          ? [
              [
                status.instanceId,
                { reason: status.reason ?? "nothing is heard of it", waitMillis: waitOf(status) }
              ] as const
            ]
          : []
      )
    ])
  }
}
