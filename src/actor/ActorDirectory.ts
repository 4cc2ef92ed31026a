/** How the shell reaches any actor of this runner's cluster by type and id: for relays, wake-ups and holds. */
import { Context, Effect, Layer } from "effect"
import { type Entity, Sharding } from "effect/cluster"
import type { Rpc } from "effect/rpc"
import * as ActorMetrics from "../observability/ActorMetrics.ts"
import type { ShellRpcs } from "../rpc/ActorProtocol.ts"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { OutboxMessage } from "./Journal.ts"
import type { DeliverTo } from "./OutboxPump.ts"
import { unavailable } from "./Round.ts"

type ShellClient = (entityId: string) => {
  readonly Wake: () => Effect.Effect<void, unknown>
  readonly Hold: () => Effect.Effect<void, unknown>
  readonly Deliver: (payload: {
    readonly messages: ReadonlyArray<Pick<OutboxMessage, "id" | "tag" | "payload">>
    readonly again: boolean
  }) => Effect.Effect<void, unknown>
}

export class ActorDirectory extends Context.Service<ActorDirectory, {
  readonly register: (entity: Entity.Entity<string, Rpc.Any>) => Effect.Effect<void>
  readonly deliver: DeliverTo
  readonly wake: (entityType: string, entityId: string) => Effect.Effect<void>
  readonly hold: (entityType: string, entityId: string) => Effect.Effect<void>
}>()("clawster/actor/ActorDirectory") {
  static readonly layer = Layer.effect(
    ActorDirectory,
    Effect.gen(function*() {
      const sharding = yield* Sharding.Sharding
      const clients = new Map<string, ShellClient>()
      const clientOf = (entityType: string): Effect.Effect<ShellClient, ActorUnavailable> => {
        const client = clients.get(entityType)
        return client === undefined
          ? Effect.fail(unavailable(`no actor of type ${entityType} is known here`))
          : Effect.succeed(client)
      }
      return ActorDirectory.of({
        register: (entity) =>
          sharding.makeClient(entity as unknown as Entity.Entity<string, ShellRpcs>).pipe(
            Effect.map((client) => void clients.set(entity.type, client as unknown as ShellClient))
          ),
        deliver: (target, messages, again) =>
          ActorMetrics.timeDelivery(target.entityType, clientOf(target.entityType).pipe(
            Effect.flatMap((client) =>
              client(target.entityId).Deliver({
                messages: messages.map(({ id, payload, tag }) => ({ id, tag, payload })),
                again
              })
            ),
            Effect.timeout("15 seconds"),
            Effect.catchCause((cause) => Effect.fail(unavailable(`not delivered: ${String(cause)}`)))
          )),
        wake: (entityType, entityId) =>
          clientOf(entityType).pipe(
            Effect.flatMap((client) => client(entityId).Wake()),
            Effect.timeout("15 seconds"),
            Effect.ignoreCause
          ),
        hold: (entityType, entityId) =>
          clientOf(entityType).pipe(Effect.flatMap((client) => client(entityId).Hold()), Effect.ignoreCause)
      })
    })
  )
}
