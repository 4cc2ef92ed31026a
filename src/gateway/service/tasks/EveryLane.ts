/**
 * Sends one command to each lane of a tenant that has matching tasks, page by page and for a bounded time. Tasks in
 * lanes that were not reached are counted from the views of those lanes, so that the answer includes them.
 */
import { Clock, Effect } from "effect"
import { Lane } from "../../../entities/Lane.ts"
import type { ViewReads } from "../../../ports/ViewReads.ts"
import type { ActorUnavailable } from "../../../schema/Errors.ts"
import type { TenantId } from "../../../schema/Ids.ts"
import { LaneStatus } from "../../../schema/Lane.ts"

export type LaneCount = "pending" | "scheduled" | "running" | "deadLettered"

const lanesAPage = 1_000
const lanesAtOnce = 8
/** Below the 15 s that the typed client waits for one attempt. */
const withinMillis = 10_000

export interface EveryLane<A, E, R> {
  readonly tenantId: TenantId
  /** Lanes without any of these tasks are skipped. */
  readonly having: ReadonlyArray<LaneCount>
  readonly command: (lane: LaneStatus) => Effect.Effect<A, E, R>
  /** Ends the loop early, when the answer would become too large. */
  readonly isEnough?: (answers: ReadonlyArray<A>) => boolean
}

const countOf = (lane: LaneStatus, having: ReadonlyArray<LaneCount>): number =>
  having.reduce((sum, name) => sum + lane[name], 0)

/** `unasked` is the number of matching tasks in lanes that were not asked. */
export const everyLane = Effect.fnUntraced(function* <A, E, R>(
  views: ViewReads["Service"],
  { command, having, isEnough = () => false, tenantId }: EveryLane<A, E, R>
): Effect.fn.Return<{ readonly answers: ReadonlyArray<A>; readonly unasked: number }, E | ActorUnavailable, R> {
  const until = (yield* Clock.currentTimeMillis) + withinMillis
  const answers: Array<A> = []
  let unasked = 0
  let after: string | undefined
  do {
    const page = yield* views.list(Lane, LaneStatus, { tenantId, after, limit: lanesAPage, having })
    yield* Effect.forEach(
      page.items,
      (lane) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          now >= until || isEnough(answers)
            ? Effect.sync(() => void (unasked += countOf(lane, having)))
            : Effect.map(command(lane), (answer) => void answers.push(answer))
        ),
      { concurrency: lanesAtOnce, discard: true }
    )
    after = page.next
  } while (after !== undefined)
  return { answers, unasked }
})
