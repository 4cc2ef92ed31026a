/** The use cases of sessions and their turns. */
import { Context, Effect, Layer } from "effect"
import type { Sharding } from "effect/cluster"
import * as ActorClient from "../../actor/ActorClient.ts"
import { type Page, ViewReads } from "../../entities/Reads.ts"
import { Session } from "../../entities/Session.ts"
import type { AbortSession, CreateSession, MoveSession, SendTurn, SteerSession } from "../../rpc/Requests.ts"
import {
  type ActorUnavailable,
  Conflict,
  type IdempotencyConflict,
  type InvalidInput,
  NotFound,
  type Overloaded
} from "../../schema/Errors.ts"
import { SessionId, sessionEntityId, type TenantId } from "../../schema/Ids.ts"
import type { InstanceStatus } from "../../schema/Instance.ts"
import { pageSize } from "../../schema/Page.ts"
import type { SessionStatus, TurnPhase, TurnStatus } from "../../schema/Session.ts"
import { turnKey } from "../events/Broadcast.ts"
import { EventHub } from "../events/EventHub.ts"
import { asRead, type Call, optionsOf } from "./Call.ts"
import { newId } from "./NewId.ts"
import { currentTraceparent, defaultTimeoutMillis } from "./Submission.ts"
import { placeOf, withToken } from "./PageToken.ts"
import { acting, reading } from "./Tenants.ts"
import { untilOver } from "./Waiting.ts"

type Unread = InvalidInput | NotFound | ActorUnavailable
type Refused = Unread | IdempotencyConflict

/** A session is one tenant's, so who belongs to none must name it. */
export interface SessionAddress {
  readonly sessionId: SessionId
  readonly tenantId?: TenantId | undefined
}
export interface TurnAddress extends SessionAddress {
  readonly turnId: string
}

const overPhases: ReadonlySet<TurnPhase> = new Set(["completed", "failed", "aborted"])

/** Instances that are looked at for another one to move to. */
const othersLookedAt = 1_000

const isOpenTo = ({ tenancy }: InstanceStatus, tenantId: TenantId): boolean =>
  tenancy._tag === "shared" || tenancy.tenantId === tenantId

const takesWork = ({ health, phase }: InstanceStatus): boolean =>
  (phase === "warm" || phase === "claimed") && (health === "healthy" || health === "degraded")

const make = Effect.gen(function* () {
  const actorOf = yield* ActorClient.make(Session)
  const views = yield* ViewReads
  const hub = yield* EventHub

  const at = Effect.fnUntraced(function* (call: Call, { sessionId, tenantId: named }: SessionAddress) {
    const tenantId = yield* acting(call, named)
    return { tenantId, actor: actorOf(sessionEntityId(tenantId, sessionId)) }
  })

  const create = Effect.fn("Sessions.create")(function* (call: Call, request: CreateSession) {
    const sessionId = request.sessionId ?? SessionId.make(yield* newId("s"))
    const { actor } = yield* at(call, { sessionId, tenantId: request.tenantId })
    const label = request.label === undefined ? {} : { label: request.label }
    return yield* actor.SessionCreate({ hints: request.hints ?? {}, ...label }, optionsOf(call))
  })

  const send = Effect.fn("Sessions.send")(function* (call: Call, address: SessionAddress, turn: SendTurn) {
    const { actor } = yield* at(call, address)
    return yield* actor.TurnSend(
      {
        turnId: turn.turnId ?? (yield* newId("u")),
        message: turn.message,
        timeoutMillis: turn.timeoutMillis ?? defaultTimeoutMillis,
        ...(yield* currentTraceparent)
      },
      optionsOf(call)
    )
  })

  const steer = Effect.fn("Sessions.steer")(function* (call: Call, address: SessionAddress, request: SteerSession) {
    const { actor } = yield* at(call, address)
    const { message, queueMode = "steer", turnId } = request
    return yield* actor.SessionSteer({ turnId: turnId ?? (yield* newId("u")), message, queueMode }, optionsOf(call))
  })

  const turn = Effect.fn("Sessions.turn")(function* (call: Call, { turnId, ...address }: TurnAddress) {
    const { actor } = yield* at(call, address)
    return yield* asRead(actor.TurnGet({ turnId }))
  })

  const waitTurn = Effect.fn("Sessions.waitTurn")(function* (call: Call, address: TurnAddress, millis: number) {
    const { actor, tenantId } = yield* at(call, address)
    const key = turnKey(tenantId, address.sessionId, address.turnId)
    const status = asRead(actor.TurnGet({ turnId: address.turnId }))
    return yield* untilOver(key, millis, status, ({ phase }) => overPhases.has(phase)).pipe(
      Effect.provideService(EventHub, hub)
    )
  })

  const move = Effect.fn("Sessions.move")(function* (call: Call, address: SessionAddress, { instanceId }: MoveSession) {
    const { actor, tenantId } = yield* at(call, address)
    const present = yield* asRead(actor.SessionGet())
    if (instanceId === undefined) {
      const { items } = yield* views.instances({ limit: othersLookedAt })
      const isOther = (status: InstanceStatus) =>
        status.instanceId !== present.instanceId && isOpenTo(status, tenantId) && takesWork(status)
      if (!items.some(isOther)) {
        return yield* new Conflict({ message: `no other instance takes work now that session ${address.sessionId} could move to` })
      }
      return yield* actor.SessionMove({}, optionsOf(call))
    }
    const target = yield* views.instance(instanceId)
    if (target === undefined || !isOpenTo(target, tenantId)) {
      return yield* new NotFound({ kind: "instance", id: instanceId, message: `there is no instance ${instanceId}` })
    }
    if (!takesWork(target)) {
      const { health, phase, reason } = target
      const why = reason === undefined ? "" : `: ${reason}`
      return yield* new Conflict({ message: `instance ${instanceId} takes no work now (${phase}, ${health}${why})`, state: phase })
    }
    return yield* actor.SessionMove({ instanceId }, optionsOf(call))
  })

  return Sessions.of({
    create,
    move,
    send,
    steer,
    turn,
    waitTurn,
    get: Effect.fn("Sessions.get")(function* (call: Call, address: SessionAddress) {
      return yield* asRead((yield* at(call, address)).actor.SessionGet())
    }),
    list: Effect.fn("Sessions.list")(function* (call: Call, { after, limit, tenantId }) {
      const page = yield* views.sessions({
        tenantId: yield* reading(call, tenantId),
        after: yield* placeOf("sessions", after),
        limit: limit ?? pageSize.fallback
      })
      return withToken("sessions", page)
    }),
    abort: Effect.fn("Sessions.abort")(function* (
      call: Call,
      address: SessionAddress,
      { queued = false }: AbortSession
    ) {
      return yield* (yield* at(call, address)).actor.SessionAbort({ queued }, optionsOf(call))
    }),
    terminate: Effect.fn("Sessions.terminate")(function* (call: Call, address: SessionAddress) {
      return yield* (yield* at(call, address)).actor.SessionTerminate(undefined, optionsOf(call))
    })
  })
})

export class Sessions extends Context.Service<
  Sessions,
  {
    /** Creating the same session again returns it unchanged. */
    readonly create: (call: Call, request: CreateSession) => Effect.Effect<SessionStatus, Refused | Conflict>
    readonly get: (call: Call, address: SessionAddress) => Effect.Effect<SessionStatus, Unread>
    readonly list: (
      call: Call,
      filter: { readonly tenantId?: TenantId; readonly after?: string; readonly limit?: number }
    ) => Effect.Effect<Page<SessionStatus>, InvalidInput | NotFound | ActorUnavailable>
    /** Success: the turn is durable and runs after those accepted before it. */
    readonly send: (
      call: Call,
      address: SessionAddress,
      turn: SendTurn
    ) => Effect.Effect<TurnStatus, Refused | Conflict | Overloaded>
    readonly steer: (
      call: Call,
      address: SessionAddress,
      request: SteerSession
    ) => Effect.Effect<TurnStatus, Refused | Conflict | Overloaded>
    readonly turn: (call: Call, address: TurnAddress) => Effect.Effect<TurnStatus, Unread>
    /** The turn when it has ended, or as it is after `millis`. */
    readonly waitTurn: (call: Call, address: TurnAddress, millis: number) => Effect.Effect<TurnStatus, Unread>
    readonly abort: (
      call: Call,
      address: SessionAddress,
      request: AbortSession
    ) => Effect.Effect<SessionStatus, Refused>
    /** Success: its next turn starts there; one that runs ends where it is. What was said so far stays at the old gateway. */
    readonly move: (
      call: Call,
      address: SessionAddress,
      request: MoveSession
    ) => Effect.Effect<SessionStatus, Refused | Conflict>
    readonly terminate: (call: Call, address: SessionAddress) => Effect.Effect<SessionStatus, Refused>
  }
>()("clawster/gateway/Sessions") {
  static readonly layer: Layer.Layer<Sessions, never, Sharding.Sharding | ViewReads | EventHub> = Layer.effect(
    Sessions,
    Effect.suspend(() => make)
  )
}
