/**
 * Tells the lanes of a runner that the fleet has changed. One watch serves them all, so a lane at rest costs no
 * subscription.
 */
import { Clock, Effect, Latch, type Scope, Stream } from "effect"
import { Fleet } from "../../../ports/Fleet.ts"

export class FleetWatch {
  #revision = 0
  #changedAt = 0
  readonly #changed = Latch.makeUnsafe(false)

  /** Watches for as long as the scope is open. */
  static readonly make: Effect.Effect<FleetWatch, never, Fleet | Scope.Scope> = Effect.gen(function* () {
    const watch = new FleetWatch()
    const { changes } = yield* Fleet
    yield* changes.pipe(
      Stream.runForEach(() => watch.#note),
      Effect.forkScoped({ startImmediately: true })
    )
    return watch
  })

  /** Grows with each change. Read it before the snapshot that it is for, so that no change falls between the two. */
  get revision(): number {
    return this.#revision
  }

  /** Unix milliseconds; 0 when nothing has changed yet. */
  get changedAt(): number {
    return this.#changedAt
  }

  /** Completes once there is a later revision, at once when there is. */
  laterThan(revision: number): Effect.Effect<void> {
    return Effect.suspend(() => (this.#revision > revision ? Effect.void : this.#changed.await))
  }

  readonly #note = Effect.gen({ self: this }, function* () {
    this.#revision++
    this.#changedAt = yield* Clock.currentTimeMillis
    yield* this.#changed.release
  })
}
