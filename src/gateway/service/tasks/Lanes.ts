/** The use cases of lanes. A lane exists as soon as it is named. */
import { Context, Effect, Layer } from "effect"
import type { Sharding } from "effect/cluster"
import * as ActorClient from "../../../actor/ActorClient.ts"
import { Lane } from "../../../entities/Lane.ts"
import { ViewReads } from "../../../ports/ViewReads.ts"
import { laneEntityId, type LaneName, type TenantId } from "../../../schema/Ids.ts"
import { changedConfig, LaneStatus } from "../../../schema/Lane.ts"
import { pageSize } from "../../../schema/lists/Page.ts"
import { asRead, type Call, optionsOf } from "../RequestContext.ts"
import { placeOf, withToken } from "../PageToken.ts"
import { TenantGate } from "../tenants/TenantGate.ts"
import { acting, reading } from "../TenantAccess.ts"
import type { Request, UseCases } from "../UseCases.ts"

interface LaneAddress {
  readonly lane: LaneName
  readonly tenantId?: TenantId
}

const make = Effect.gen(function* () {
  const actorOf = yield* ActorClient.make(Lane)
  const views = yield* ViewReads
  const gate = yield* TenantGate

  const at = (call: Call, { lane, tenantId }: LaneAddress) =>
    Effect.map(acting(call, tenantId), (owner) => actorOf(laneEntityId(owner, lane)))

  return Lanes.of({
    configure: Effect.fn("Lanes.configure")(function* (
      call: Call,
      { config: change, ...address }: Request<"lanes", "configure">
    ) {
      yield* gate.configureLane(yield* acting(call, address.tenantId), address.lane, change.concurrency)
      const actor = yield* at(call, address)
      const { config } = yield* asRead(actor.LaneGet())
      return yield* actor.Configure({ config: changedConfig(config, change), change }, optionsOf(call))
    }),
    get: Effect.fn("Lanes.get")(function* (call: Call, address: LaneAddress) {
      return yield* asRead((yield* at(call, address)).LaneGet())
    }),
    list: Effect.fn("Lanes.list")(function* (call: Call, { after, limit, tenantId }: Request<"lanes", "list">) {
      const page = yield* views.list(Lane, LaneStatus, {
        tenantId: yield* reading(call, tenantId),
        after: yield* placeOf("lanes", after),
        limit: limit ?? pageSize.fallback
      })
      return withToken("lanes", page)
    })
  })
})

export class Lanes extends Context.Service<Lanes, UseCases<"lanes">>()("clawster/gateway/Lanes") {
  static readonly layer: Layer.Layer<Lanes, never, Sharding.Sharding | ViewReads | TenantGate> = Layer.effect(
    Lanes,
    Effect.suspend(() => make)
  )
}
