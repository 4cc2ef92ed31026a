/** Runs the Instance actor on a runner. Requires the drivers of this runner. */
import { Effect, Layer } from "effect"
import * as ActorLayer from "../../actor/ActorLayer.ts"
import { performers } from "../../actor/Performers.ts"
import * as DomainMetrics from "../../observability/metrics/DomainMetrics.ts"
import { InstanceActor } from "./InstanceActor.ts"
import type { BoardNote } from "./board/BoardDecisions.ts"
import { runOnBoard } from "./board/RunOnBoard.ts"
import { takeNotes } from "./board/TakeNotes.ts"
import { isRegistered } from "./InstanceState.ts"
import { LinkRegistry } from "./activities/LinkRegistry.ts"
import { type InstanceSelf, runAttempt } from "./activities/RunAttempt.ts"
import { abortAtGateway, steerAtGateway } from "./activities/RunInterventions.ts"
import { erase } from "./activities/Erase.ts"
import { keepClean, stopGateway, supervise } from "./activities/Supervise.ts"

/** `links` is the link registry of this runner. */
export const performWith = (links: LinkRegistry) => {
  const post = ({ entityId, epoch }: InstanceSelf) => links.post(entityId, epoch)
  return performers(InstanceActor)({
    Supervise: ({ start }, self) => supervise(start, self, post(self)),
    Stop: ({ start }, self) => stopGateway(start, self),
    Erase: ({ start }, self) => {
      links.remove(self.entityId)
      return erase(start, self)
    },
    CleanUp: ({ start }, self) => keepClean(start, self),
    Board: ({ mode }, self) => runOnBoard(mode, self, post(self)),
    Run: ({ runId }, self) => runAttempt(runId, self, post(self)),
    Abort: ({ runId }, self) => abortAtGateway(runId, self, post(self)),
    Steer: ({ runId, steerKey }, self) => steerAtGateway(runId, steerKey, self, post(self))
  })
}

const postFor = (links: LinkRegistry, { committed, entityId, epoch }: InstanceSelf) =>
  isRegistered(committed().record) ? links.post(entityId, epoch) : links.passing(entityId, epoch)

export const layer = Layer.unwrap(
  Effect.sync(() => {
    const links = new LinkRegistry()
    return ActorLayer.layer(InstanceActor, {
      perform: performWith(links),
      take: (notes, self) => takeNotes(notes as ReadonlyArray<BoardNote>, self, postFor(links, self)),
      onCommitted: DomainMetrics.committed
    })
  })
)
