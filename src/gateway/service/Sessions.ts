/** The use cases of sessions and their turns. */
import { Context, Effect, Layer, Result } from "effect"
import type { Sharding } from "effect/cluster"
import * as ActorClient from "../../actor/ActorClient.ts"
import { ofTurn, Outputs } from "../../ports/Outputs.ts"
import { InstanceReads } from "../../ports/InstanceReads.ts"
import { TurnReads } from "../../ports/Reads.ts"
import { ViewReads } from "../../ports/ViewReads.ts"
import { Session } from "../../entities/Session.ts"
import { type ActorUnavailable, Conflict, type InvalidInput, NotFound } from "../../schema/Errors.ts"
import { SessionId, sessionEntityId, type TenantId } from "../../schema/Ids.ts"
import type { InstanceStatus } from "../../schema/Instance.ts"
import { pageSize } from "../../schema/lists/Page.ts"
import { fromTurnToken, messageShown, SessionStatus, type TurnPhase } from "../../schema/Session.ts"
import { turnKey } from "../events/Broadcast.ts"
import { EventHub } from "../events/EventHub.ts"
import { asRead, type Call, optionsOf } from "./RequestContext.ts"
import { everyInstance } from "./instances/EveryInstance.ts"
import { newId } from "./NewId.ts"
import { noResult, type Result as TurnResult, resultOf } from "./Results.ts"
import { currentTraceparent, defaultTimeoutMillis } from "./tasks/Submission.ts"
import { placeBy, placeOf, withToken } from "./PageToken.ts"
import { TenantGate } from "./tenants/TenantGate.ts"
import { acting, reading } from "./TenantAccess.ts"
import type { Request, UseCases } from "./UseCases.ts"
import { untilOver } from "./AwaitEnd.ts"

type Unread = InvalidInput | NotFound | ActorUnavailable

/** A session belongs to one tenant, so a principal without a tenant must name it. */
export interface SessionAddress {
  readonly sessionId: SessionId
  readonly tenantId?: TenantId
}
export interface TurnAddress extends SessionAddress {
  readonly turnId: string
}

const overPhases: ReadonlySet<TurnPhase> = new Set(["completed", "failed", "aborted"])

const isOpenTo = ({ tenancy }: InstanceStatus, tenantId: TenantId): boolean =>
  tenancy._tag === "shared" || tenancy.tenantId === tenantId

const takesWork = ({ health, phase }: InstanceStatus): boolean =>
  (phase === "warm" || phase === "claimed") && (health === "healthy" || health === "degraded")

const make = Effect.gen(function* () {
  const actorOf = yield* ActorClient.make(Session)
  const views = yield* ViewReads
  const instances = yield* InstanceReads
  const turns = yield* TurnReads
  const outputs = yield* Outputs
  const hub = yield* EventHub
  const gate = yield* TenantGate

  const at = Effect.fnUntraced(function* (call: Call, { sessionId, tenantId: named }: SessionAddress) {
    const tenantId = yield* acting(call, named)
    return { tenantId, actor: actorOf(sessionEntityId(tenantId, sessionId)) }
  })

  const create = Effect.fn("Sessions.create")(function* (call: Call, request: Request<"sessions", "create">) {
    const sessionId = request.sessionId ?? SessionId.make(yield* newId("s"))
    const { actor, tenantId } = yield* at(call, { ...request, sessionId })
    yield* gate.openSession(tenantId, sessionId)
    const label = request.label === undefined ? {} : { label: request.label }
    return yield* actor.SessionCreate({ hints: request.hints ?? {}, ...label }, optionsOf(call))
  })

  const send = Effect.fn("Sessions.send")(function* (call: Call, turn: Request<"sessions", "send">) {
    const { actor, tenantId } = yield* at(call, turn)
    const before = yield* endedBefore(call, turn, turn.turnId, turn.message)
    if (before !== undefined) return before
    yield* gate.sendTurn(tenantId)
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

  const steer = Effect.fn("Sessions.steer")(function* (call: Call, request: Request<"sessions", "steer">) {
    const { actor, tenantId } = yield* at(call, request)
    const { message, queueMode = "steer", turnId } = request
    const before = yield* endedBefore(call, request, turnId, message)
    if (before !== undefined) return before
    yield* gate.sendTurn(tenantId)
    return yield* actor.SessionSteer({ turnId: turnId ?? (yield* newId("u")), message, queueMode }, optionsOf(call))
  })

  /**
   * The session actor knows the status of an open turn. The status of an ended turn is read from its row, which is kept
   * as long as tasks are.
   */
  const statusOf = Effect.fnUntraced(function* (call: Call, { turnId, ...address }: TurnAddress) {
    const { actor, tenantId } = yield* at(call, address)
    const known = yield* Effect.result(asRead(actor.TurnGet({ turnId })))
    if (Result.isSuccess(known) && !overPhases.has(known.success.phase)) return known.success
    if (Result.isFailure(known) && known.failure._tag !== "NotFound") return yield* known.failure
    const row = yield* turns.get({ tenantId, sessionId: address.sessionId, turnId })
    return row ?? (yield* Effect.fromResult(known))
  })

  const turn = Effect.fn("Sessions.turn")(statusOf)

  const turnsOf = Effect.fn("Sessions.turns")(function* (
    call: Call,
    { after, limit, ...address }: Request<"sessions", "turns">
  ) {
    const { actor, tenantId } = yield* at(call, address)
    const place = yield* placeBy(fromTurnToken, after)
    if (after === undefined) yield* asRead(actor.SessionGet())
    return yield* turns.list({
      tenantId,
      sessionId: address.sessionId,
      after: place,
      limit: limit ?? pageSize.fallback
    })
  })

  const wholeResult = Effect.fn("Sessions.result")(function* (call: Call, address: TurnAddress) {
    const { tenantId } = yield* at(call, address)
    const { phase, stored, text, turnId } = yield* statusOf(call, address)
    if (text === undefined) return yield* noResult(`turn ${turnId}`, phase)
    return resultOf(outputs, `turn ${turnId}`, { text, ...(stored === undefined ? {} : { stored }) }, (runKey) =>
      ofTurn(tenantId, address.sessionId, turnId, runKey)
    )
  })

  /**
   * Returns the ended turn of a reused id that the session actor has already forgotten. Fails with `Conflict` when its
   * message differs.
   */
  const endedBefore = Effect.fnUntraced(function* (
    call: Call,
    address: SessionAddress,
    turnId: string | undefined,
    message: string
  ) {
    if (turnId === undefined) return undefined
    const { tenantId } = yield* at(call, address)
    const before = yield* turns.get({ tenantId, sessionId: address.sessionId, turnId })
    if (before === undefined || !overPhases.has(before.phase)) return undefined
    const known = yield* Effect.result(asRead((yield* at(call, address)).actor.TurnGet({ turnId })))
    if (Result.isSuccess(known)) return undefined
    if (before.message === message.slice(0, messageShown)) return before
    return yield* new Conflict({ message: `turn ${turnId} was sent before with another message; use a new turn id` })
  })

  const waitTurn = Effect.fn("Sessions.waitTurn")(function* (
    call: Call,
    { millis, ...address }: Request<"sessions", "waitTurn">
  ) {
    const { tenantId } = yield* at(call, address)
    const key = turnKey(tenantId, address.sessionId, address.turnId)
    return yield* untilOver(key, millis, statusOf(call, address), ({ phase }) => overPhases.has(phase)).pipe(
      Effect.provideService(EventHub, hub)
    )
  })

  const move = Effect.fn("Sessions.move")(function* (
    call: Call,
    { instanceId, ...address }: Request<"sessions", "move">
  ) {
    const { actor, tenantId } = yield* at(call, address)
    const present = yield* asRead(actor.SessionGet())
    if (instanceId === undefined) {
      const isOther = (status: InstanceStatus) =>
        status.instanceId !== present.instanceId && isOpenTo(status, tenantId) && takesWork(status)
      if (!(yield* everyInstance(instances)).some(isOther)) {
        return yield* new Conflict({
          message: `no other instance takes work now that session ${address.sessionId} could move to`
        })
      }
      return yield* actor.SessionMove({}, optionsOf(call))
    }
    const target = yield* instances.get(instanceId)
    if (target === undefined || !isOpenTo(target, tenantId)) {
      return yield* new NotFound({ kind: "instance", id: instanceId, message: `there is no instance ${instanceId}` })
    }
    if (!takesWork(target)) {
      const { health, phase, reason } = target
      const why = reason === undefined ? "" : `: ${reason}`
      return yield* new Conflict({
        message: `instance ${instanceId} takes no work now (${phase}, ${health}${why})`,
        state: phase
      })
    }
    return yield* actor.SessionMove({ instanceId }, optionsOf(call))
  })

  return Sessions.of({
    create,
    move,
    send,
    steer,
    turn,
    turns: turnsOf,
    turnResult: (call, { from = 0, ...turn }) => Effect.flatMap(wholeResult(call, turn), ({ read }) => read(from)),
    wholeResult,
    waitTurn,
    get: Effect.fn("Sessions.get")(function* (call: Call, address: SessionAddress) {
      return yield* asRead((yield* at(call, address)).actor.SessionGet())
    }),
    list: Effect.fn("Sessions.list")(function* (call: Call, { after, limit, tenantId }: Request<"sessions", "list">) {
      const page = yield* views.list(Session, SessionStatus, {
        tenantId: yield* reading(call, tenantId),
        after: yield* placeOf("sessions", after),
        limit: limit ?? pageSize.fallback
      })
      return withToken("sessions", page)
    }),
    abort: Effect.fn("Sessions.abort")(function* (
      call: Call,
      { queued = false, ...address }: Request<"sessions", "abort">
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
  UseCases<"sessions"> & {
    /** The answer of a turn, to be read as a whole. Also fails with `NotFound` while the turn has not completed. */
    readonly wholeResult: (call: Call, turn: TurnAddress) => Effect.Effect<TurnResult, Unread>
  }
>()("clawster/gateway/Sessions") {
  static readonly layer: Layer.Layer<
    Sessions,
    never,
    Sharding.Sharding | ViewReads | InstanceReads | TurnReads | Outputs | EventHub | TenantGate
  > = Layer.effect(
    Sessions,
    Effect.suspend(() => make)
  )
}
