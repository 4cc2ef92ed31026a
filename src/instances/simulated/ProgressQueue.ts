/**
 * The elements of a run or a link that one reader has not read yet. It has neither a fiber nor a `Queue`, because a
 * short turn has often ended before its reader starts. It keeps at most `capacity` elements: `merge` may combine an
 * element with the last one, and above the bound the oldest element is dropped.
 */
import { Cause, Effect, Scope, Stream } from "effect"

type Items<A> = readonly [A, ...Array<A>]

export class Feed<A, E> {
  #items: Array<A> = []
  #ended = false
  #failure: E | undefined
  #wake: (() => void) | undefined
  readonly #merge: (last: A, next: A) => A | undefined
  readonly #capacity: number

  constructor(merge: (last: A, next: A) => A | undefined, capacity: number) {
    this.#merge = merge
    this.#capacity = capacity
  }

  push(item: A): void {
    if (this.#ended) return
    const last = this.#items[this.#items.length - 1]
    const merged = last === undefined ? undefined : this.#merge(last, item)
    if (merged !== undefined) this.#items[this.#items.length - 1] = merged
    else {
      if (this.#items.length >= this.#capacity) this.#items.shift()
      this.#items.push(item)
    }
    this.#wakeReader()
  }

  end(): void {
    this.#ended = true
    this.#wakeReader()
  }

  fail(error: E): void {
    if (this.#ended) return
    this.#failure = error
    this.end()
  }

  #wakeReader(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  readonly #pull: Effect.Effect<Items<A>, E | Cause.Done> = Effect.suspend(() => {
    if (this.#items.length > 0) {
      const items = this.#items as unknown as Items<A>
      this.#items = []
      return Effect.succeed(items)
    }
    if (this.#failure !== undefined) return Effect.fail(this.#failure)
    if (this.#ended) return Cause.done()
    return Effect.callback<Items<A>, E | Cause.Done>((resume) => {
      /** Another fiber may have pushed an element or ended the feed since the checks above. */
      if (this.#items.length > 0 || this.#ended) return resume(this.#pull)
      this.#wake = () => resume(this.#pull)
      return Effect.sync(() => {
        this.#wake = undefined
      })
    })
  })

  /** Opens a feed for each run of the stream, and closes it when the reader ends, fails or is interrupted. */
  static stream<A, E, E2>(
    open: Effect.Effect<Feed<A, E>, E2>,
    close: (feed: Feed<A, E>) => void
  ): Stream.Stream<A, E | E2> {
    return Stream.transformPull(Stream.empty, (_, scope) =>
      Effect.flatMap(open, (feed) =>
        Effect.as(
          Scope.addFinalizer(
            scope,
            Effect.sync(() => close(feed))
          ),
          feed.#pull
        )
      )
    )
  }
}
