/**
 * Gathers what many fibers of one process want to write at the same moment into one statement. Each waits for its own commit; nothing is
 * acknowledged before it is durable.
 *
 * When a group cannot be written as a whole, it is taken apart and written one by one, so that what is wrong with one hits only that one.
 *
 * Once the scope closes, whatever is not written and whatever comes later fails as `Unknown`: nobody waits for a write that nobody makes.
 */
import { type Cause, Effect, type Exit, Latch, Schema } from "effect"

/**
 * Why a group was not written. `Conflict`: a row was refused. `Victim`: chosen as a deadlock's victim. Both: nothing was written.
 * `Unknown`: it may have been.
 */
export class WriteFailed extends Schema.TaggedError<WriteFailed>()("WriteFailed", {
  reason: Schema.Literals(["Conflict", "Victim", "Unknown"]),
  message: Schema.String
}) {}

export interface GathererOptions<Item, A, E> {
  /**
   * One statement: all of the group or nothing. What became of each, in their order; undefined when it was not written and has to be by itself,
   * which in a group of one means that it cannot be.
   */
  readonly write: (items: ReadonlyArray<Item>) => Effect.Effect<ReadonlyArray<Exit.Exit<A, E> | undefined>, WriteFailed>
  readonly failed: (failure: WriteFailed) => E
  /** Rows that an item writes, where that is not one. */
  readonly rowsOf?: (item: Item) => number
}

interface Waiting<Item, A, E> {
  readonly item: Item
  readonly resume: (result: Effect.Effect<A, E>) => void
}

/** Flushes under way at once: while one waits for the disk, the next is gathered. */
const flushesAtOnce = 2
const itemsAFlush = 512
const rowsAFlush = 4_096
const flushTimeout = "10 seconds"
const victimRetries = 3

const unknown = (message: string) => new WriteFailed({ reason: "Unknown", message })
const stopping = unknown("the runner is stopping")

const failureOf = (cause: Cause.Cause<unknown>): WriteFailed => {
  for (const reason of cause.reasons) {
    if (reason._tag === "Fail" && reason.error instanceof WriteFailed) return reason.error
  }
  return unknown(String(cause))
}

/** Answers how to write one item: success once it is durable. */
export const make = Effect.fnUntraced(function* <Item, A, E>({
  failed,
  rowsOf = () => 1,
  write
}: GathererOptions<Item, A, E>) {
  let waiting: Array<Waiting<Item, A, E>> = []
  let isOpen = true
  const wake = Latch.makeUnsafe(false)

  const take = (): ReadonlyArray<Waiting<Item, A, E>> => {
    let rows = 0
    let count = 0
    while (count < waiting.length && count < itemsAFlush && rows < rowsAFlush) {
      rows += rowsOf(waiting[count]!.item)
      count++
    }
    const taken = waiting.slice(0, count)
    waiting = waiting.slice(count)
    if (waiting.length === 0) wake.closeUnsafe()
    return taken
  }

  const fail = ({ resume }: Waiting<Item, A, E>, failure: WriteFailed): void => resume(Effect.fail(failed(failure)))

  /** Those that have their answer keep it. */
  const failAll = (group: ReadonlyArray<Waiting<Item, A, E>>, failure: WriteFailed) =>
    Effect.sync(() => {
      for (const one of group) fail(one, failure)
    })

  const alone = (one: Waiting<Item, A, E>): Effect.Effect<void> =>
    write([one.item]).pipe(
      Effect.retry({ times: victimRetries, while: ({ reason }) => reason === "Victim" }),
      Effect.timeout(flushTimeout),
      Effect.matchCause({
        onSuccess: ([outcome]) =>
          outcome === undefined ? fail(one, unknown("it could not be written")) : one.resume(outcome),
        onFailure: (cause) => fail(one, failureOf(cause))
      })
    )

  const flush = (group: ReadonlyArray<Waiting<Item, A, E>>): Effect.Effect<void> =>
    write(group.map(({ item }) => item)).pipe(
      Effect.timeout(flushTimeout),
      Effect.matchCauseEffect({
        onSuccess: (outcomes) => {
          const left = group.filter((one, index) => {
            const outcome = outcomes[index]
            if (outcome !== undefined) one.resume(outcome)
            return outcome === undefined
          })
          return left.length === 0 ? Effect.void : Effect.forEach(left, alone, { discard: true })
        },
        onFailure: (cause) => {
          const failure = failureOf(cause)
          if (failure.reason !== "Unknown") return Effect.forEach(group, alone, { discard: true })
          return failAll(group, failure)
        }
      })
    )

  const flusher = Effect.gen(function* () {
    yield* wake.await
    yield* Effect.yieldNow
    const group = take()
    if (group.length > 0) yield* Effect.onInterrupt(flush(group), () => failAll(group, stopping))
  })
  for (let n = 0; n < flushesAtOnce; n++) yield* Effect.forkScoped(Effect.forever(flusher))
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      isOpen = false
      return failAll(waiting, stopping)
    })
  )

  return (item: Item): Effect.Effect<A, E> =>
    Effect.callback((resume) => {
      if (!isOpen) return resume(Effect.fail(failed(stopping)))
      waiting.push({ item, resume })
      wake.openUnsafe()
    })
})
