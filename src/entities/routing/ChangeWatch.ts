/**
 * Notifies all actors of a layer of changes outside of them. One watch serves them all, so an actor that waits costs no
 * subscription.
 */
import { Clock, Effect, Latch, type Scope, Stream } from "effect"

export class ChangeWatch {
  #revision = 0
  #changedAt = 0
  readonly #changed = Latch.makeUnsafe(false)

  /** Watches for as long as the scope is open. */
  static readonly of = Effect.fnUntraced(function* (
    changes: Stream.Stream<void>
  ): Effect.fn.Return<ChangeWatch, never, Scope.Scope> {
    const watch = new ChangeWatch()
    yield* changes.pipe(
      Stream.runForEach(() => watch.#note),
      Effect.forkScoped({ startImmediately: true })
    )
    return watch
  })

  /**
   * Incremented by each change. Read it before what it is about, so that no change is missed between the two.
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
