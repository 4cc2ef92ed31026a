/**
 * The feed for many followers. A follower that starts in the past reads pages until it has caught up, then receives the
 * broadcast, without gap or repeat and in the order of the feed. The process reads the feed only once for all
 * followers, and only while there is a follower.
 */
import { Clock, Context, Effect, Layer, Option, type Queue, RcRef, Schedule, type Scope, Stream } from "effect"
import { Feed, type FeedPage } from "../../ports/Reads.ts"
import type { ActorUnavailable } from "../../schema/Errors.ts"
import type { Cursor, FeedEvent } from "../../schema/feed/Feed.ts"
import { gapNotice, positionNotice } from "../../schema/feed/FeedNotice.ts"
import type { TenantId } from "../../schema/Ids.ts"
import { Broadcast, type Lagged, type Published, type Subscription } from "./Broadcast.ts"
import { compare, entriesOf, type Entry, numbered, parse } from "./ResumePoint.ts"

const eventsAPage = 500
/** Maximum entries that may wait for one follower. */
const entriesHeld = 1_024
const entriesATake = 256
const keptWhenIdle = "5 seconds"

export interface FollowOptions {
  /** Absent: from now on. */
  readonly after?: Cursor | undefined
  /** Absent: events of all tenants. */
  readonly tenantId?: TenantId | undefined
  /**
   * A follower that is too slow for the broadcast either fails with `Lagged`, or continues in pages at its own pace. In
   * both cases its buffer is bounded.
   */
  readonly onLag: "fail" | "reread"
}

interface Progress {
  readonly mode: "read" | "live"
  readonly position: Cursor
  readonly skip: number
  readonly subscription: Subscription
  /** End of the last gap that the follower was notified of. */
  readonly told: Cursor | undefined
}

export class EventHub extends Context.Service<
  EventHub,
  {
    /**
     * Events, with the notices of the feed itself (FeedNotice.ts): a `feed.gap` before the events that follow the gap,
     * and a `feed.position` after each stretch without events for this follower, so that its position advances.
     */
    readonly follow: (options: FollowOptions) => Stream.Stream<FeedEvent, Lagged | ActorUnavailable>
    /**
     * Queue that receives an element after each event that ends the wait named by `key` (`taskKey`, `turnKey`), from
     * now on.
     */
    readonly wakeups: (key: string) => Effect.Effect<Queue.Dequeue<void>, ActorUnavailable, Scope.Scope>
    /** Reads a counter that grows with every event while the scope is open. */
    readonly pulse: Effect.Effect<() => number, ActorUnavailable, Scope.Scope>
    /** Position up to which the shared reader has read the feed; undefined while there is no follower. */
    readonly position: Effect.Effect<Cursor | undefined>
  }
>()("clawster/gateway/EventHub") {
  static readonly layer = Layer.effect(
    EventHub,
    Effect.gen(function* () {
      const feed = yield* Feed
      let running: Broadcast | undefined

      const start = Effect.gen(function* () {
        const broadcast = new Broadcast(yield* feed.position)
        running = broadcast
        yield* Effect.addFinalizer(() => Effect.sync(() => (running = undefined)))
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
              subscription,
              told: undefined
            }
            return Stream.paginate(first, (progress): Step<Lagged | ActorUnavailable> =>
              progress.mode === "read" ? readOn(feed, options, progress, again) : takeLive(options, progress, again)
            )
          })
        )

      return EventHub.of({
        follow,
        wakeups: (key) => Effect.flatMap(RcRef.get(current), (broadcast) => broadcast.wakeups(key)),
        pulse: Effect.map(RcRef.get(current), (broadcast) => () => broadcast.published),
        position: Effect.sync(() => running?.position)
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

const newsOf = ({ gap }: FeedPage, { told }: Progress, now: number): ReadonlyArray<FeedEvent> =>
  gap === undefined || (told !== undefined && compare(gap.to, told) <= 0) ? [] : [gapNotice(gap, now)]

const readOn = (
  feed: Feed["Service"],
  { tenantId }: FollowOptions,
  progress: Progress,
  again: Resubscribe
): Step<ActorUnavailable> =>
  Effect.gen(function* () {
    const page = yield* feed.read(progress.position, { tenantId, limit: eventsAPage })
    const now = yield* Clock.currentTimeMillis
    const news = newsOf(page, progress, now)
    const [shown, read] = emit(progress, entriesOf(page.events))
    const next: Progress = { ...read, position: page.cursor, told: news.length > 0 ? page.gap!.to : progress.told }
    const isPresent = page.isPresent || compare(page.cursor, progress.subscription.position) >= 0
    const moved = shown.length === 0 && page.cursor !== progress.position
    const events = [...news, ...shown, ...(moved ? [positionNotice(page.cursor, !isPresent, now)] : [])]
    if (!isPresent) return [events, Option.some(next)]
    if (!progress.subscription.hasLagged()) return [events, Option.some({ ...next, mode: "live" })]
    return [events, Option.some({ ...next, subscription: yield* again })]
  })

/**
 * Removes entries at or before the position, because entries that the follower read as past may be broadcast too. Gap
 * notices are kept: their cursor may be the position at which the gap begins.
 */
const freshOf = (taken: ReadonlyArray<Published>, position: Cursor): ReadonlyArray<Published> => {
  const first = taken.findIndex(({ cursor }) => compare(cursor, position) > 0)
  if (first === 0) return taken
  const gaps = taken.slice(0, first < 0 ? taken.length : first).filter(({ entry }) => entry[0].type === "feed.gap")
  return first < 0 ? gaps : [...gaps, ...taken.slice(first)]
}

const takeLive = ({ onLag, tenantId }: FollowOptions, progress: Progress, again: Resubscribe): Step<Lagged> =>
  progress.subscription.take(entriesATake).pipe(
    Effect.flatMap((taken) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const fresh = freshOf(taken, progress.position)
        const last = fresh.at(-1)
        if (last === undefined) return [[], Option.some(progress)] as const
        const [events, next] = showLive(fresh, progress, tenantId)
        const shown = events.length > 0 ? events : [positionNotice(last.cursor, false, now)]
        return [shown, Option.some({ ...next, position: last.cursor })] as const
      })
    ),
    Effect.catch((lagged) =>
      onLag === "fail"
        ? Effect.fail(lagged)
        : Effect.map(
            again,
            (subscription) => [[], Option.some<Progress>({ ...progress, mode: "read", subscription })] as const
          )
    )
  )

const showLive = (
  fresh: ReadonlyArray<Published>,
  progress: Progress,
  tenantId: TenantId | undefined
): readonly [ReadonlyArray<FeedEvent>, Progress] => {
  const events: Array<FeedEvent> = []
  let { position, skip } = progress
  for (const published of fresh) {
    const isWhole = published.isNotice || tenantId === undefined || published.tenantId === tenantId
    if (isWhole && skip === 0) events.push(...published.events)
    else {
      const [first, ...rest] = isWhole
        ? published.entry
        : published.entry.filter((event) => event.tenantId === tenantId)
      if (first !== undefined) {
        events.push(...numbered(position, [first, ...rest], skip))
        skip = 0
      }
    }
    position = published.cursor
  }
  return [events, { ...progress, position, skip }]
}
