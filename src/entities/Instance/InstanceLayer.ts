/** Runs the Instance actor on a runner. Requires the drivers of this runner. */
import { Effect, Layer, type Scope } from "effect"
import * as ActorLayer from "../../actor/ActorLayer.ts"
import type { InstanceDrivers } from "../../instances/InstanceDriver.ts"
import * as DomainMetrics from "../../observability/metrics/DomainMetrics.ts"
import type { Outputs } from "../../ports/Outputs.ts"
import type { Payloads } from "../../ports/Payloads.ts"
import { type InstanceActivity, InstanceActor } from "./InstanceActor.ts"
import { LinkRegistry } from "./activities/LinkRegistry.ts"
import { type InstanceSelf, runAttempt } from "./activities/RunAttempt.ts"
import { abortAtGateway, steerAtGateway } from "./activities/RunInterventions.ts"
import { erase } from "./activities/Erase.ts"
import { keepClean, stopGateway, supervise } from "./activities/Supervise.ts"

/** `links` is the link registry of this runner. */
export const performWith =
  (links: LinkRegistry) =>
  (
    activity: InstanceActivity,
    self: InstanceSelf
  ): Effect.Effect<void, never, InstanceDrivers | Outputs | Payloads | Scope.Scope> => {
    const post = links.post(self.entityId, self.epoch)
    switch (activity._tag) {
      case "Supervise":
        return supervise(activity.start, self, post)
      case "Stop":
        return stopGateway(activity.start, self)
      case "Erase":
        links.remove(self.entityId)
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
    ActorLayer.layer(InstanceActor, {
      perform: performWith(new LinkRegistry()),
      onCommitted: DomainMetrics.committed
    })
  )
)
