/** The feed as one stream, over connections that come and go. */
import { Effect, Schedule, Stream } from "effect"
import type { Cursor, FeedEvent } from "../../schema/feed/Feed.ts"
import { isRetryable } from "./CallRetries.ts"

/** Events after the cursor that `begin` gives, without end, gap or repeat; a broken connection is opened again. */
export const following = <E, E2>(
  begin: Effect.Effect<Cursor, E>,
  from: (cursor: Cursor) => Stream.Stream<FeedEvent, E2>
): Stream.Stream<FeedEvent, E | E2> =>
  Stream.unwrap(
    Effect.gen(function* () {
      let last = yield* begin
      const follow = Stream.suspend(() => from(last)).pipe(
        Stream.tap((event) => Effect.sync(() => (last = event.cursor))),
        Stream.filter(({ type }) => type !== "feed.position")
      )
      return follow.pipe(
        Stream.repeat(Schedule.spaced("100 millis")),
        Stream.retry(
          Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]).pipe(
            Schedule.jittered,
            Schedule.while(({ input }) => isRetryable(input))
          )
        )
      )
    })
  )
