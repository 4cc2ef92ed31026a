/**
 * Notifies the lanes of a runner of changes of the fleet. One watch serves all lanes, so a sleeping lane costs no
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

  /**
   * Incremented by each change. Read it before the snapshot it belongs to, so that no change is missed between the two.
   */
  get revision(): number {
    return this.#revision
  }

  /** Unix milliseconds of the last change; 0 when nothing has changed yet. */
  get changedAt(): number {
    return this.#changedAt
  }

  /** Completes once there is a later revision; at once when there already is. */
  laterThan(revision: number): Effect.Effect<void> {
    return Effect.suspend(() => (this.#revision > revision ? Effect.void : this.#changed.await))
  }

  readonly #note = Effect.gen({ self: this }, function* () {
    this.#revision++
    this.#changedAt = yield* Clock.currentTimeMillis
    yield* this.#changed.release
  })
}
