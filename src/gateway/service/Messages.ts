/** The use cases of dead messages: operators look at them, deliver them again, or remove them. */
import { Context, Effect, Layer, Record } from "effect"
import { Entity, type Sharding } from "effect/cluster"
import type { Rpc, RpcGroup } from "effect/rpc"
import * as ActorClient from "../../actor/ActorClient.ts"
import { DeadMessages } from "../../ports/DeadMessages.ts"
import { Feed } from "../../ports/Reads.ts"
import { type ActorType, catalog } from "../../rpc/Catalog.ts"
import { payloadShown } from "../../schema/DeadMessage.ts"
import { Conflict, NotFound } from "../../schema/Errors.ts"
import { pageSize } from "../../schema/lists/Page.ts"
import { placeOf, withToken } from "./PageToken.ts"
import type { Call } from "./RequestContext.ts"
import type { Request, UseCases } from "./UseCases.ts"

const unknownMessage = (number: number) =>
  new NotFound({ kind: "message", id: String(number), message: `there is no dead message ${number}; list shows them` })

const make = Effect.gen(function* () {
  const dead = yield* DeadMessages
  const feed = yield* Feed
  const deliverTo = yield* Effect.all(
    Record.map(catalog, ({ rpcs }, type) =>
      ActorClient.delivering(Entity.fromRpcGroup(type, rpcs as unknown as RpcGroup.RpcGroup<Rpc.Any>))
    )
  )

  const found = Effect.fnUntraced(function* (number: number) {
    const known = yield* dead.get(number)
    return known ?? (yield* unknownMessage(number))
  })

  const list = Effect.fn("Messages.list")(function* (
    _: Call,
    { after, limit = pageSize.fallback }: Request<"messages", "list">
  ) {
    const position = yield* feed.position
    const place = yield* placeOf("messages", after)
    const before = place === undefined ? undefined : Number(place)
    const rows = yield* dead.list({ before, limit: limit + 1 })
    const items = rows.slice(0, limit)
    const next = rows.length > limit ? { next: String(items.at(-1)!.number) } : {}
    return withToken("messages", { items, position, ...next })
  })

  /** The receiver knows a message that it has applied by its id, so one that is replayed twice is applied once. */
  const replay = Effect.fn("Messages.replay")(function* (_: Call, { number }: Request<"messages", "replay">) {
    const { message, payload } = yield* found(number)
    const { entityId, entityType, tag } = message
    if (!(entityType in deliverTo)) {
      return yield* new Conflict({
        message: `the gateway knows no actor of type ${entityType}: deliver message ${number} from a program that has it`
      })
    }
    const again = { entityType, entityId, messageId: `${message.messageId}/again` }
    yield* deliverTo[entityType as ActorType](entityId, { id: again.messageId, tag, payload })
    const isDead = yield* dead.isDead(again)
    yield* dead.remove(number)
    return { number, outcome: isDead ? ("dead" as const) : ("applied" as const) }
  })

  return Messages.of({
    list,
    get: Effect.fn("Messages.get")(function* (_, { number }) {
      const { message, payload } = yield* found(number)
      return { ...message, payload: JSON.stringify(payload).slice(0, payloadShown).toWellFormed() }
    }),
    replay,
    remove: Effect.fn("Messages.remove")(function* (_, { number }) {
      const { message } = yield* found(number)
      if (!(yield* dead.remove(number))) return yield* unknownMessage(number)
      return message
    })
  })
})

export class Messages extends Context.Service<Messages, UseCases<"messages">>()("clawster/gateway/Messages") {
  static readonly layer: Layer.Layer<Messages, never, DeadMessages | Feed | Sharding.Sharding> = Layer.effect(
    Messages,
    Effect.suspend(() => make)
  )
}
