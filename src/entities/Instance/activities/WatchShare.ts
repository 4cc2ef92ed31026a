/** Keeps the instance's share of the deployment's cap as the fleet changes, from before its gateway is started. */
import { Effect } from "effect"
import { RunningShare } from "../slots/RunningShares.ts"
import type { InstanceSelf } from "./RunAttempt.ts"

const lookEvery = "1 second"

/** Without a cap it ends at once; a share of before is then taken away. */
export const watchShare = Effect.fnUntraced(function* (start: number, self: InstanceSelf) {
  const { of } = yield* RunningShare
  while (true) {
    const { record } = yield* self.state
    if (record === undefined || record.start !== start) return
    const share = of === undefined ? undefined : yield* of(record.spec)
    if (share !== record.share) {
      yield* self.report({ _tag: "Shared", start, ...(share === undefined ? {} : { share }) })
    }
    if (of === undefined) return
    yield* Effect.sleep(lookEvery)
  }
})
