/** Starts the runners of `up`, and waits until every shard has an owner. */
import { Effect, Schedule, Schema } from "effect"
import type { Placement } from "../../schema/Ids.ts"
import { shardsPerGroup } from "../../shards/ClusterConfig.ts"
import * as Membership from "../../shards/reads/Membership.ts"
import * as RunnerProcesses from "./RunnerProcesses.ts"

export class ClusterNotReady extends Schema.TaggedError<ClusterNotReady>()("ClusterNotReady", {
  message: Schema.String
}) {}

const patience = "60 seconds"

export const start = Effect.fnUntraced(function* (options: {
  readonly count: number
  readonly serves: ReadonlyArray<Placement>
  readonly home: string
  readonly env: Readonly<Record<string, string>>
}) {
  const runners = yield* Effect.forEach(
    Array.from({ length: options.count }, (_, index) => `runner-${index + 1}`),
    (name) => RunnerProcesses.start({ name, home: options.home, env: options.env })
  )
  const wanted = shardsPerGroup * options.serves.length
  yield* Membership.owned.pipe(
    Effect.repeat({
      until: (now) => now.shards >= wanted && now.runners >= options.count,
      schedule: Schedule.spaced("100 millis")
    }),
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () =>
        Effect.fail(
          new ClusterNotReady({
            message: `the runners did not take their shards within ${patience}; see ${runners.map(({ log }) => log).join(", ")}`
          })
        )
    })
  )
  return runners
})
