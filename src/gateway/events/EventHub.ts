/**
 * The feed for many followers. A follower that starts in the past reads pages until it has reached the present, then takes what is broadcast: no gap,
 * no repeat, in the feed's order. The feed itself is read once for all, and only while somebody follows.
 */
import { Context, Effect, Layer, Option, Queue, RcRef, Schedule, type Scope, Stream } from "effect"
import { Feed } from "../../entities/Reads.ts"
import type { ActorUnavailable } from "../../schema/Errors.ts"
import type { Cursor, FeedEvent } from "../../schema/Feed.ts"
import type { TenantId } from "../../schema/Ids.ts"
import { Broadcast, type Lagged, type Subscription } from "./Broadcast.ts"
import { compare, entriesOf, type Entry, numbered, parse } from "./Position.ts"

const eventsAPage = 500
/** Entries that may wait for one follower. */
const entriesHeld = 1_024
const keptWhenIdle = "5 seconds"

export interface FollowOptions {
  /** Absent: from now on. */
  readonly after?: Cursor | undefined
  /** Absent: all tenants'. */
  readonly tenantId?: TenantId | undefined
  /**
   * A follower that is too slow for the present either fails with `Lagged`, or reads on in pages at its own pace. Both remember nothing
   * for it beyond a bound.
   */
  readonly onLag: "fail" | "reread"
}

interface Progress {
  readonly mode: "read" | "live"
  readonly position: Cursor
  readonly skip: number
  readonly subscription: Subscription
}

export class EventHub extends Context.Service<
  EventHub,
  {
    readonly follow: (options: FollowOptions) => Stream.Stream<FeedEvent, Lagged | ActorUnavailable>
    /** An element after each event that ends the wait named by `key` (`taskKey`, `turnKey`), from now on. */
    readonly wakeups: (key: string) => Effect.Effect<Queue.Dequeue<void>, ActorUnavailable, Scope.Scope>
    /** A number that grows with every event, while the scope is open. */
    readonly pulse: Effect.Effect<() => number, ActorUnavailable, Scope.Scope>
  }
>()("clawster/gateway/EventHub") {
  static readonly layer = Layer.effect(
    EventHub,
    Effect.gen(function* () {
      const feed = yield* Feed

      const start = Effect.gen(function* () {
        const broadcast = new Broadcast(yield* feed.position)
        yield* Effect.suspend(() =>
          Stream.runForEachArray(feed.follow(broadcast.position), (events) =>
            Effect.sync(() => broadcast.publish(events))
          )
        ).pipe(
          Effect.tapCause((cause) =>
            Effect.logWarning("The feed broke off; it is followed again from where it was", cause)
          ),
          Effect.sandbox,
          Effect.ignore,
          Effect.repeat(Schedule.spaced("1 second")),
          Effect.forkScoped
        )
        return broadcast
      })
      const current = yield* RcRef.make({ acquire: start, idleTimeToLive: keptWhenIdle })

      const follow = (options: FollowOptions) =>
        Stream.unwrap(
          Effect.gen(function* () {
            const broadcast = yield* RcRef.get(current)
            let subscription = yield* broadcast.subscribe(entriesHeld)
            yield* Effect.addFinalizer(() => subscription.close)
            const again = Effect.tap(
              Effect.andThen(
                Effect.suspend(() => subscription.close),
                broadcast.subscribe(entriesHeld)
              ),
              (fresh) => Effect.sync(() => (subscription = fresh))
            )
            const { position, skip } = parse(options.after ?? subscription.position)
            const first: Progress = {
              mode: options.after === undefined ? "live" : "read",
              position,
              skip,
              subscription
            }
            return Stream.paginate(first, (progress): Step<Lagged | ActorUnavailable> =>
              progress.mode === "read" ? readOn(feed, options, progress, again) : takeLive(options, progress, again)
            )
          })
        )

      return EventHub.of({
        follow,
        wakeups: (key) => Effect.flatMap(RcRef.get(current), (broadcast) => broadcast.wakeups(key)),
        pulse: Effect.map(RcRef.get(current), (broadcast) => () => broadcast.published)
      })
    })
  )
}

type Resubscribe = Effect.Effect<Subscription>
type Step<E> = Effect.Effect<readonly [ReadonlyArray<FeedEvent>, Option.Option<Progress>], E>

const emit = (progress: Progress, entries: ReadonlyArray<Entry>): readonly [Array<FeedEvent>, Progress] => {
  const events: Array<FeedEvent> = []
  let { position, skip } = progress
  for (const entry of entries) {
    events.push(...numbered(position, entry, skip))
    position = entry[0].cursor
    skip = 0
  }
  return [events, { ...progress, position, skip }]
}

const readOn = (
  feed: Feed["Service"],
  { tenantId }: FollowOptions,
  progress: Progress,
  again: Resubscribe
): Step<ActorUnavailable> =>
  Effect.gen(function* () {
    const page = yield* feed.read(progress.position, { tenantId, limit: eventsAPage })
    const [events, read] = emit(progress, entriesOf(page.events))
    const next: Progress = { ...read, position: page.cursor }
    const isPresent = page.events.length === 0 || compare(page.cursor, progress.subscription.position) >= 0
    if (!isPresent) return [events, Option.some(next)]
    if (!progress.subscription.hasLagged()) return [events, Option.some({ ...next, mode: "live" })]
    return [events, Option.some({ ...next, subscription: yield* again })]
  })

const takeLive = ({ onLag, tenantId }: FollowOptions, progress: Progress, again: Resubscribe): Step<Lagged> =>
  Queue.takeBetween(progress.subscription.entries, 1, 256).pipe(
    Effect.map((taken) => {
      const fresh = taken.filter(([first]) => compare(first.cursor, progress.position) > 0)
      const [events, next] = emit(
        progress,
        fresh.flatMap((entry) => visible(entry, tenantId))
      )
      const last = fresh.at(-1)
      return [events, Option.some(last === undefined ? next : { ...next, position: last[0].cursor })] as const
    }),
    Effect.catch((lagged) =>
      onLag === "fail"
        ? Effect.fail(lagged)
        : Effect.map(
            again,
            (subscription) => [[], Option.some<Progress>({ ...progress, mode: "read", subscription })] as const
          )
    )
  )

const visible = (entry: Entry, tenantId: TenantId | undefined): ReadonlyArray<Entry> => {
  if (tenantId === undefined) return [entry]
  const [first, ...rest] = entry.filter((event) => event.tenantId === tenantId)
  return first === undefined ? [] : [[first, ...rest]]
}
