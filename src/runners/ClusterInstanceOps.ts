/** Adapter: asks the runner that owns an instance for the instance's logs and metrics. */
import { Effect, Layer } from "effect"
import * as ActorClient from "../actor/ActorClient.ts"
import { Instance } from "../entities/Instance.ts"
import { InstanceHost } from "../entities/InstanceHost.ts"
import { InstanceOps } from "../ports/InstanceOps.ts"
import { ActorUnavailable, Conflict } from "../schema/Errors.ts"
import { instanceEntityId } from "../schema/Ids.ts"
import * as InstanceIdLock from "../shards/journal/InstanceIdLock.ts"

const patience = "15 seconds"

const silent = () =>
  Effect.fail(
    new ActorUnavailable({
      reason: "TimedOut",
      message: "the runner that has the instance does not answer",
      retryAfterMillis: 1_000
    })
  )

export const layer = Layer.effect(
  InstanceOps,
  Effect.gen(function* () {
    const host = yield* InstanceHost.client
    const instance = yield* ActorClient.make(Instance)
    const ids = yield* InstanceIdLock.make
    return InstanceOps.of({
      alone: ids.hold,
      logs: (instanceId, placement, limit) =>
        host(instanceEntityId(placement, instanceId))
          .Logs({ limit })
          .pipe(
            Effect.timeout(patience),
            Effect.catchTags({
              TimeoutError: silent,
              MailboxFull: silent,
              AlreadyProcessingMessage: silent,
              PersistenceError: silent,
              EntityNotAssignedToRunner: silent
            })
          ),
      metrics: (instanceId, placement) =>
        instance(instanceEntityId(placement, instanceId))
          .InstanceGet()
          .pipe(
            Effect.map(({ load }) => ({
              instanceId,
              ...(load.memoryBytes === undefined ? {} : { rssBytes: load.memoryBytes }),
              ...(load.cpu === undefined ? {} : { cpu: load.cpu })
            })),
            Effect.catchTags({
              IdempotencyConflict: ({ message }) => Effect.fail(new Conflict({ message })),
              InvalidInput: ({ message }) => Effect.fail(new Conflict({ message }))
            })
          )
    })
  })
)
