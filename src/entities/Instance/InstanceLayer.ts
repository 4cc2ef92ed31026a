/** The Instance actor on a runner: needs the drivers this runner has. */
import { Effect, Layer, type Scope } from "effect"
import * as ActorShell from "../../actor/ActorShell.ts"
import type { InstanceDrivers } from "../../instances/InstanceDriver.ts"
import * as DomainMetrics from "../../observability/DomainMetrics.ts"
import type { Outputs } from "../Outputs.ts"
import type { Payloads } from "../Payloads.ts"
import { type InstanceActivity, InstanceActor } from "./InstanceActor.ts"
import { LinkBoard } from "./LinkBoard.ts"
import { type InstanceSelf, runAttempt } from "./RunAttempt.ts"
import { abortAtGateway, steerAtGateway } from "./RunInterventions.ts"
import { erase } from "./Erase.ts"
import { keepClean, stopGateway, supervise } from "./Supervise.ts"

/** `board`: of this runner. */
export const performWith =
  (board: LinkBoard) =>
  (
    activity: InstanceActivity,
    self: InstanceSelf
  ): Effect.Effect<void, never, InstanceDrivers | Outputs | Payloads | Scope.Scope> => {
    const post = board.post(self.entityId, self.epoch)
    switch (activity._tag) {
      case "Supervise":
        return supervise(activity.start, self, post)
      case "Stop":
        return stopGateway(activity.start, self)
      case "Erase":
        board.remove(self.entityId)
        return erase(activity.start, self)
      case "CleanUp":
        return keepClean(activity.start, self)
      case "Run":
        return runAttempt(activity.runId, self, post)
      case "Abort":
        return abortAtGateway(activity.runId, self, post)
      case "Steer":
        return steerAtGateway(activity.runId, activity.steerKey, self, post)
    }
  }

export const layer = Layer.unwrap(
  Effect.sync(() =>
    ActorShell.layer(InstanceActor, {
      perform: performWith(new LinkBoard()),
      onCommitted: DomainMetrics.committed
    })
  )
)
