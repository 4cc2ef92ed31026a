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
import { Fleet } from "../../ports/Fleet.ts"

/**
 * A machine that was killed is unknown after some two seconds, a machine that went silent after 7.5 to 10 s. With this
 * time added, its work runs elsewhere within 30 s of its failure. A runner that is only restarted has that long to come
 * back and follow its runs to their ends.
 */
export const giveUpAfterMillis = 12_000
const lookEvery = "500 millis"
/** Longest pause between two reads of the fleet; after a longer one the time starts again from zero. */
const pauseMillis = 3_000

/** An instance that stays missing is forgotten after this time, unless it is asked for again. */
const forgetAfterMillis = 600_000

const goneReason = "it is not registered any more"

interface Missing {
  /** Unix milliseconds at which the instance was first seen unknown or missing. */
  readonly at: number
  readonly reason: string
}

export class LostInstances {
  #revision = 0
  #readAt = -Infinity
  /** Instances that have been unknown or missing without a pause in the reads. */
  #since: ReadonlyMap<InstanceId, Missing> = new Map()
  #known: ReadonlySet<InstanceId> = new Set()
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

  /** Records the fleet as it was last read, at `readAt` (Unix milliseconds by this process's clock). */
  note(snapshot: ReadonlyArray<InstanceStatus>, readAt: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (readAt <= this.#readAt) return Effect.void
      const isPaused = readAt - this.#readAt > pauseMillis
      this.#readAt = readAt
      const missing = this.#missing(snapshot)
      const since = new Map<InstanceId, Missing>()
      for (const [id, reason] of missing) {
        const at = isPaused ? readAt : (this.#since.get(id)?.at ?? readAt)
        if (reason !== goneReason || readAt - at < forgetAfterMillis) since.set(id, { at, reason })
      }
      this.#since = since
      const lost = new Map(
        [...since].flatMap(([id, { at, reason }]) => (readAt - at >= giveUpAfterMillis ? [[id, reason] as const] : []))
      )
      const isSame = lost.size === this.#lost.size && [...lost.keys()].every((id) => this.#lost.has(id))
      this.#lost = lost
      if (isSame) return Effect.void
      this.#revision++
      return this.#changed.release
    })
  }

  #missing(snapshot: ReadonlyArray<InstanceStatus>): ReadonlyMap<InstanceId, string> {
    const known = new Set(snapshot.map(({ instanceId }) => instanceId))
    const gone = [...this.#known, ...this.#since.keys(), ...this.#asked].filter((id) => !known.has(id))
    this.#known = known
    this.#asked.clear()
    return new Map([
      ...gone.map((id) => [id, goneReason] as const),
      ...snapshot.flatMap(({ health, instanceId, reason }) =>
        health === "unknown" ? [[instanceId, reason ?? "nothing is heard of it"] as const] : []
      )
    ])
  }
}
