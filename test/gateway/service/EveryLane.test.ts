import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import type { ViewOptions, ViewReads } from "../../../src/ports/ViewReads.ts"
import { everyLane } from "../../../src/gateway/service/tasks/EveryLane.ts"
import { Cursor } from "../../../src/schema/feed/Feed.ts"
import { LaneName, TenantId } from "../../../src/schema/Ids.ts"
import { defaultLaneConfig, type LaneStatus } from "../../../src/schema/Lane.ts"

const tenantId = TenantId.make("acme")

const lanes: ReadonlyArray<LaneStatus> = Array.from({ length: 2_500 }, (_, index) => ({
  tenantId,
  lane: LaneName.make(`lane${String(index).padStart(5, "0")}`),
  config: defaultLaneConfig,
  state: "open",
  pending: index % 2,
  scheduled: 0,
  running: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  deadLettered: 0
}))

const views = {
  list: (_entity: unknown, _schema: unknown, { after, having = [], limit }: ViewOptions<LaneStatus>) =>
    Effect.sync(() => {
      const busy = lanes.filter((lane) => having.some((count) => lane[count] > 0))
      const from = after === undefined ? 0 : busy.findIndex(({ lane }) => lane === after) + 1
      const items = busy.slice(from, from + limit)
      const next = from + limit < busy.length ? { next: items.at(-1)!.lane as string } : {}
      return { items, position: Cursor.make("1-0"), ...next }
    })
} as unknown as ViewReads["Service"]

describe("a command to every lane", () => {
  it.effect("reaches each that has something for it, however many there are, and no other", () =>
    Effect.gen(function* () {
      const asked = new Set<string>()
      const { answers, unasked } = yield* everyLane(views, {
        tenantId,
        having: ["pending", "scheduled"],
        command: ({ lane, pending }) => Effect.sync(() => (asked.add(lane), pending))
      })
      assert.deepStrictEqual([asked.size, answers.length, unasked], [1_250, 1_250, 0])
    })
  )

  it.effect("stops when its time is over, and counts what is left", () =>
    Effect.gen(function* () {
      const began = yield* Clock.currentTimeMillis
      const { answers, unasked } = yield* everyLane(views, {
        tenantId,
        having: ["pending"],
        command: () => Effect.as(TestClock.adjust("100 millis"), 1)
      })
      assert.strictEqual(answers.length + unasked, 1_250)
      assert.isAbove(unasked, 0)
      assert.isBelow((yield* Clock.currentTimeMillis) - began, 15_000)
    })
  )

  it.effect("stops when the answer is large enough", () =>
    Effect.gen(function* () {
      const { answers, unasked } = yield* everyLane(views, {
        tenantId,
        having: ["pending"],
        command: () => Effect.succeed(1),
        isEnough: (sofar) => sofar.length >= 100
      })
      assert.isAtMost(answers.length, 108)
      assert.strictEqual(answers.length + unasked, 1_250)
    })
  )
})
