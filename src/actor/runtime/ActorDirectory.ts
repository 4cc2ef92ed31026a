/**
 * The actor types of this runner, and how the shell reaches any of their actors in the cluster: for relays, wake-ups
 * and holds.
 */
import { Context, Effect, Layer, Option } from "effect"
import { type Entity, Sharding } from "effect/cluster"
import type { Rpc } from "effect/rpc"
import * as ActorMetrics from "../../observability/metrics/ActorMetrics.ts"
import type { ShellRpcs, ShellTag } from "../Protocol.ts"
import type { ActorRef } from "../../schema/ActorRef.ts"
import type { ActorUnavailable } from "../../schema/Errors.ts"
import type { Definition } from "../commit/PendingCommit.ts"
import { Departed } from "../outbox/Departed.ts"
import { notHere, FastPath, type FastTarget, isNotHere, targetsOf } from "../client/FastPath.ts"
import type { OutboxMessage } from "../Journal.ts"
import { type DeliverTo, withinLimit } from "../outbox/OutboxRelay.ts"
import { unavailable } from "../commit/CommandBatch.ts"
import type { TellTo } from "../told/Courier.ts"
import type { ToldMessage } from "./Mailbox.ts"

type ShellClient = (entityId: string) => {
  readonly Wake: () => Effect.Effect<void, unknown>
  readonly Hold: () => Effect.Effect<void, unknown>
  readonly Deliver: (payload: {
    readonly messages: ReadonlyArray<Pick<OutboxMessage, "id" | "tag" | "payload">>
    readonly again: boolean
  }) => Effect.Effect<void, unknown>
  readonly DeliverTold: (payload: { readonly messages: ReadonlyArray<ToldMessage> }) => Effect.Effect<void, unknown>
}

/** Messages are deduplicated by their own ids, or not at all, so a delivery needs no request id. */
const quickly = (
  path: FastPath["Service"],
  target: FastTarget,
  tag: ShellTag,
  payload: unknown
): Effect.Effect<unknown, unknown> =>
  Effect.callback((resume) => {
    const asked = { tag, payload, requestId: "", fingerprint: null, again: false, resume }
    if (!path.ask(target, asked)) resume(notHere)
  })

export class ActorDirectory extends Context.Service<
  ActorDirectory,
  {
    readonly register: (definition: Definition) => Effect.Effect<void>
    /** Undefined when this runner has no such actor type. */
    readonly definitionOf: (entityType: string) => Definition | undefined
    /** Shard in which the cluster places the actor. Undefined when this runner has no such actor type. */
    readonly shardOf: (entityType: string, entityId: string) => string | undefined
    readonly deliver: DeliverTo
    readonly tell: TellTo
    /** False: the actor could not be woken, or not within 15 s. */
    readonly wake: (entityType: string, entityId: string) => Effect.Effect<boolean>
    readonly hold: (entityType: string, entityId: string) => Effect.Effect<void>
  }
>()("clawster/actor/runtime/ActorDirectory") {
  static readonly layer = Layer.effect(
    ActorDirectory,
    Effect.gen(function* () {
      const sharding = yield* Sharding.Sharding
      const isDeparted = yield* Departed
      const path = Option.getOrUndefined(yield* Effect.serviceOption(FastPath))
      const definitions = new Map<string, Definition>()
      const clients = new Map<string, ShellClient>()
      const targets = new Map<string, (entityId: string) => FastTarget>()
      const clientOf = (entityType: string): Effect.Effect<ShellClient, ActorUnavailable> => {
        const client = clients.get(entityType)
        return client === undefined
          ? Effect.fail(unavailable("UnknownActor", `no actor of type ${entityType} is known here`))
          : Effect.succeed(client)
      }
      /** On the fast path when the receiver is where it was last found, and otherwise through the cluster. */
      const request = (target: ActorRef, tag: "Deliver" | "DeliverTold", payload: any) => {
        const slowly = Effect.flatMap(clientOf(target.entityType), (client) => client(target.entityId)[tag](payload))
        const fast = targets.get(target.entityType)?.(target.entityId)
        if (path === undefined || fast === undefined) return slowly
        return Effect.catchIf(quickly(path, fast, tag, payload), isNotHere, () => slowly)
      }
      return ActorDirectory.of({
        definitionOf: (entityType) => definitions.get(entityType),
        shardOf: (entityType, entityId) => targets.get(entityType)?.(entityId).shardId(),
        register: (definition) => {
          const entity = definition.entity as Entity.Entity<string, Rpc.Any>
          return sharding.makeClient(entity as unknown as Entity.Entity<string, ShellRpcs>).pipe(
            Effect.map((client) => {
              definitions.set(entity.type, definition)
              clients.set(entity.type, client as unknown as ShellClient)
              targets.set(entity.type, targetsOf(entity, sharding))
            })
          )
        },
        deliver: (target, messages, again) => {
          const attempt = ActorMetrics.timeDelivery(
            target.entityType,
            Effect.suspend(() => {
              const payload = { messages: messages.map(({ id, payload, tag }) => ({ id, tag, payload })), again }
              return request(target, "Deliver", payload)
            }).pipe(withinLimit)
          )
          return again
            ? Effect.flatMap(isDeparted(target.entityType, target.entityId), (isGone) =>
                isGone ? Effect.void : attempt
              )
            : attempt
        },
        tell: (target, messages) =>
          Effect.asVoid(withinLimit(Effect.suspend(() => request(target, "DeliverTold", { messages })))),
        wake: (entityType, entityId) =>
          clientOf(entityType).pipe(
            Effect.flatMap((client) => client(entityId).Wake()),
            Effect.timeout("15 seconds"),
            Effect.matchCause({ onSuccess: () => true, onFailure: () => false })
          ),
        hold: (entityType, entityId) =>
          clientOf(entityType).pipe(
            Effect.flatMap((client) => client(entityId).Hold()),
            Effect.ignoreCause
          )
      })
    })
  )
}
