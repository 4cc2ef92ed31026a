/**
 * Batches concurrent writes of many fibers of one process into one statement (group commit). Each fiber waits for its
 * own write; nothing is acknowledged before it is durable.
 *
 * When a group cannot be written as a whole because one of its rows is refused, it is bisected until the refused item
 * is alone. The other items are written, in at most twice as many statements as there are items.
 *
 * Once the scope closes, every item that is not written yet and every later item fails as `Unknown`, so no caller waits
 * for a write that nobody makes.
 */
import { type Cause, Clock, Effect, type Exit, Latch, Schema } from "effect"

/**
 * Why a group was not written. `Conflict`: a row with this key exists already. `Content`: the store cannot hold a value
 * of a row. `Victim`: the statement was aborted by a deadlock or a serialization failure. In these three cases nothing
 * was written. `Unknown`: the group may have been written.
 */
export class WriteFailed extends Schema.TaggedError<WriteFailed>()("WriteFailed", {
  reason: Schema.Literals(["Conflict", "Content", "Victim", "Unknown"]),
  message: Schema.String
}) {}

export interface WriteBatcherOptions<Item, A, E> {
  /**
   * Writes the group in one statement, all of it or nothing. Returns the outcome of each item, in order. Undefined
   * means that the item was not written and must be written alone; in a group of one it means that the item cannot be
   * written.
   */
  readonly write: (items: ReadonlyArray<Item>) => Effect.Effect<ReadonlyArray<Exit.Exit<A, E> | undefined>, WriteFailed>
  readonly failed: (failure: WriteFailed) => E
  /** Number of rows that an item writes. Default: 1. */
  readonly rowsOf?: (item: Item) => number
  /** Weight of what an item writes (actor/state/Weight.ts). Default: 0. */
  readonly weigh?: (item: Item) => number
}

interface Waiting<Item, A, E> {
  readonly item: Item
  /** Unix milliseconds. */
  readonly since: number
  readonly resume: (result: Effect.Effect<A, E>) => void
}

/** Concurrent flushes: while one waits for the disk, the next batch is gathered. */
export const flushesAtOnce = 2
const itemsAFlush = 512
/**
 * Rows that fill a batch; its last item may write more. With few enough of them what comes at once goes in two flushes,
 * so that two processes of the store share it.
 */
const rowsAFlush = 1_024
/**
 * Maximum weight of a batch; a single item may weigh more. A statement's parameters are one message of the protocol,
 * which takes at most 1 GB.
 */
const weightAFlush = 8 * 1024 * 1024
const flushTimeout = "10 seconds"
/**
 * Milliseconds that an item may wait for its flush. When the store does not answer, each earlier group takes its whole
 * timeout.
 */
const waitMost = 30_000
const victimRetries = 3

const unknown = (message: string) => new WriteFailed({ reason: "Unknown", message })
const stopping = unknown("the runner is stopping")
const tooLate = unknown("it came to no write in time")

const failureOf = (cause: Cause.Cause<unknown>): WriteFailed => {
  for (const reason of cause.reasons) {
    if (reason._tag === "Fail" && reason.error instanceof WriteFailed) return reason.error
  }
  return unknown(String(cause))
}

/** Returns the function that writes one item. It succeeds once the item is durable. */
export const make = Effect.fnUntraced(function* <Item, A, E>({
  failed,
  rowsOf = () => 1,
  weigh = () => 0,
  write
}: WriteBatcherOptions<Item, A, E>) {
  let waiting: Array<Waiting<Item, A, E>> = []
  let isOpen = true
  const clock = yield* Clock.Clock
  const wake = Latch.makeUnsafe(false)

  /** Fails the items that have waited for longer than `waitMost`. `waiting` is in order of arrival. */
  const dropLate = (): void => {
    const before = clock.currentTimeMillisUnsafe() - waitMost
    const left = waiting.findIndex(({ since }) => since > before)
    const late = left < 0 ? waiting : waiting.slice(0, left)
    if (late.length === 0) return
    waiting = left < 0 ? [] : waiting.slice(left)
    for (const one of late) fail(one, tooLate)
  }

  const take = (): ReadonlyArray<Waiting<Item, A, E>> => {
    dropLate()
    let rows = 0
    let weight = 0
    let count = 0
    while (count < waiting.length && count < itemsAFlush && rows < rowsAFlush) {
      const { item } = waiting[count]!
      weight += weigh(item)
      if (count > 0 && weight > weightAFlush) break
      rows += rowsOf(item)
      count++
    }
    const taken = waiting.slice(0, count)
    waiting = waiting.slice(count)
    if (waiting.length === 0) wake.closeUnsafe()
    return taken
  }

  const fail = ({ resume }: Waiting<Item, A, E>, failure: WriteFailed): void => resume(Effect.fail(failed(failure)))

  /** Items that already have a result keep it. */
  const failAll = (group: ReadonlyArray<Waiting<Item, A, E>>, failure: WriteFailed) =>
    Effect.sync(() => {
      for (const one of group) fail(one, failure)
    })

  const alone = (one: Waiting<Item, A, E>): Effect.Effect<void> =>
    Effect.suspend(() => write([one.item])).pipe(
      Effect.retry({ times: victimRetries, while: ({ reason }) => reason === "Victim" }),
      Effect.timeout(flushTimeout),
      Effect.matchCause({
        onSuccess: ([outcome]) =>
          outcome === undefined ? fail(one, unknown("it could not be written")) : one.resume(outcome),
        onFailure: (cause) => fail(one, failureOf(cause))
      })
    )

  const inHalves = (group: ReadonlyArray<Waiting<Item, A, E>>): Effect.Effect<void> => {
    const middle = Math.ceil(group.length / 2)
    return Effect.andThen(flush(group.slice(0, middle)), flush(group.slice(middle)))
  }

  const flush = (group: ReadonlyArray<Waiting<Item, A, E>>): Effect.Effect<void> => {
    const [first] = group
    if (first === undefined) return Effect.void
    if (group.length === 1) return alone(first)
    return Effect.suspend(() => write(group.map(({ item }) => item))).pipe(
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
          return failure.reason === "Unknown" ? failAll(group, failure) : inHalves(group)
        }
      })
    )
  }

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
      waiting.push({ item, since: clock.currentTimeMillisUnsafe(), resume })
      wake.openUnsafe()
    })
})
