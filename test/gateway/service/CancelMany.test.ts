import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { cancelInLane } from "../../../src/gateway/service/tasks/CancelMany.ts"
import { Conflict } from "../../../src/schema/Errors.ts"
import { LaneName, TaskId, TenantId } from "../../../src/schema/Ids.ts"
import type { TaskPhase } from "../../../src/schema/Task.ts"

const ids = (count: number) => Array.from({ length: count }, (_, n) => TaskId.make(`t${n}`))

/** A lane that holds no task of the phases asked for and counts `behind` others, of which the rows tell `rows`. */
const laneWith = (options: {
  readonly behind: number
  readonly rows: number
  readonly more?: boolean
  readonly full?: boolean
}) => {
  const asked: Array<TaskId> = []
  const listed: Array<ReadonlyArray<TaskPhase>> = []
  return {
    asked,
    listed,
    cancel: (phases: ReadonlyArray<TaskPhase>) =>
      cancelInLane(
        {
          cancelWhere: Effect.succeed({ cancelled: 0, remaining: options.behind }),
          cancelTasks: (taskIds) =>
            options.full === true
              ? Effect.fail(new Conflict({ message: "the lane is still looking up" }))
              : Effect.sync(() => void asked.push(...taskIds))
        },
        {
          list: (request) =>
            Effect.sync(() => {
              listed.push(request.phases)
              return {
                items: ids(options.rows).map((taskId) => ({ taskId })),
                ...(options.more === true ? { next: "further" } : {})
              }
            })
        },
        { tenantId: TenantId.make("acme"), lane: LaneName.make("default"), phases, limit: 1_000 }
      )
  }
}

describe("a bulk cancel in one lane", () => {
  it.effect("has nothing left when the tasks behind the windows are of other phases", () =>
    Effect.gen(function* () {
      const lane = laneWith({ behind: 44, rows: 0 })
      assert.deepStrictEqual(yield* lane.cancel(["retrying"]), { cancelled: 0, remaining: 0 })
    })
  )

  it.effect("finds by their rows the tasks that wait behind a window full of others", () =>
    Effect.gen(function* () {
      const lane = laneWith({ behind: 44, rows: 7 })
      assert.deepStrictEqual(yield* lane.cancel(["scheduled", "running"]), { cancelled: 7, remaining: 0 })
      assert.deepStrictEqual(lane.asked, ids(7))
      assert.deepStrictEqual(lane.listed, [["scheduled"]])
    })
  )

  it.effect("says that some are left while the rows have a further page", () =>
    Effect.gen(function* () {
      const lane = laneWith({ behind: 7, rows: 7, more: true })
      assert.deepStrictEqual(yield* lane.cancel(["scheduled"]), { cancelled: 7, remaining: 1 })
    })
  )

  it.effect("says that all are left when the lane can record no more", () =>
    Effect.gen(function* () {
      const lane = laneWith({ behind: 44, rows: 7, full: true })
      assert.deepStrictEqual(yield* lane.cancel(["scheduled"]), { cancelled: 0, remaining: 44 })
    })
  )
})
