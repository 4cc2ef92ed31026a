/**
 * The use cases of instances. A tenant sees the instances dedicated to it; only operators change instances. A command
 * is sent to the placement of the instance, which is read from its view. A removed instance has no view, so a repeated
 * command asks all placements for its recorded reply.
 */
import { Clock, Context, Effect, Layer } from "effect"
import type { Sharding } from "effect/cluster"
import * as ActorClient from "../../../actor/ActorClient.ts"
import { Instance } from "../../../entities/Instance.ts"
import { ClusterReads, isServed } from "../../../ports/ClusterReads.ts"
import { InstanceOps } from "../../../ports/InstanceOps.ts"
import { InstanceReads } from "../../../ports/InstanceReads.ts"
import { Tombstones } from "../../../ports/Tombstones.ts"
import type { InstanceRegistration } from "../../../rpc/Requests.ts"
import { Conflict, InvalidInput, NotFound } from "../../../schema/Errors.ts"
import { type InstanceId, instanceEntityId, type TenantId } from "../../../schema/Ids.ts"
import type { InstanceSpec, InstanceStatus } from "../../../schema/Instance.ts"
import { answeredAsSeen } from "../../../schema/instance/Liveness.ts"
import { pageSize } from "../../../schema/lists/Page.ts"
import { asRead, type Call, optionsOf } from "../RequestContext.ts"
import * as LogFilter from "./LogFilter.ts"
import { placeOf, withToken } from "../PageToken.ts"
import { toInstanceSpec } from "./Registration.ts"
import { fieldFaults } from "./SpecFields.ts"
import { reading } from "../TenantAccess.ts"
import type { Request, UseCases } from "../UseCases.ts"

export const defaultGraceMillis = 30_000
export const defaultDrainMillis = 600_000
/** Timeout of a read from the runner. After it, the stored status is returned instead. */
const readMillis = 2_000

/**
 * Timeout of a forced deregistration. After it, the instance's runner counts as lost, if its heartbeats have stopped as
 * well.
 */
const forceMillis = 5_000
const retired =
  "its runner is gone, so it was removed without it; should its machine come back, its gateway is stopped there"

/** All given conditions must hold. */
type InstanceWish = Omit<Request<"instances", "list">, "tenantId" | "after" | "limit">
type InstanceAddress = Request<"instances", "get">

/** Number of log lines that a filter searches. */
const linesRead = 10_000

const uptimeOf = ({ readyAt }: InstanceStatus, now: number): { readonly uptimeMillis?: number } =>
  readyAt === undefined ? {} : { uptimeMillis: Math.max(0, now - readyAt) }

const isNarrowed = (wanted: InstanceWish): boolean => Object.values(wanted).some((value) => value !== undefined)

const isWanted = (status: InstanceStatus, wanted: InstanceWish): boolean =>
  (wanted.health === undefined || status.health === wanted.health) &&
  (wanted.phase === undefined || status.phase === wanted.phase) &&
  (wanted.driver === undefined || status.driver === wanted.driver) &&
  (wanted.placement === undefined || status.placement === wanted.placement) &&
  (wanted.capability === undefined || status.capabilities.includes(wanted.capability))

const unknownInstance = (instanceId: InstanceId) =>
  new NotFound({ kind: "instance", id: instanceId, message: `there is no instance ${instanceId}` })

const isOf = ({ tenancy }: InstanceStatus, tenantId: TenantId | undefined): boolean =>
  tenantId === undefined || (tenancy._tag === "dedicated" && tenancy.tenantId === tenantId)

const make = Effect.gen(function* () {
  const actorOf = yield* ActorClient.make(Instance)
  const reads = yield* InstanceReads
  const ops = yield* InstanceOps
  const tombstones = yield* Tombstones
  const cluster = yield* ClusterReads

  const seen = Effect.fnUntraced(function* (call: Call, instanceId: InstanceId) {
    const tenantId = yield* reading(call, undefined)
    const status = yield* reads.get(instanceId)
    return status !== undefined && isOf(status, tenantId) ? status : yield* unknownInstance(instanceId)
  })

  const asNow = (known: InstanceStatus) =>
    asRead(
      actorOf(instanceEntityId(known.placement, known.instanceId)).InstanceGet(undefined, { timeoutMillis: readMillis })
    ).pipe(Effect.map((answer) => answeredAsSeen(answer, known)))

  type Actor = ReturnType<typeof actorOf>

  const command = Effect.fnUntraced(function* <E>(
    call: Call,
    instanceId: InstanceId,
    send: (actor: Actor) => Effect.Effect<InstanceStatus, E | NotFound>
  ) {
    const known = yield* reads.get(instanceId)
    if (known !== undefined) return yield* send(actorOf(instanceEntityId(known.placement, instanceId)))
    const candidates =
      call.requestId === undefined ? [] : (yield* cluster.placements).filter(isServed).map(({ placement }) => placement)
    const absent: Effect.Effect<InstanceStatus, E | NotFound> = Effect.fail(unknownInstance(instanceId))
    return yield* candidates.reduceRight(
      (otherwise, placement) =>
        Effect.catch(send(actorOf(instanceEntityId(placement, instanceId))), (error) =>
          error instanceof NotFound ? otherwise : Effect.fail(error)
        ),
      absent
    )
  })

  const register = Effect.fn("Instances.register")(function* (call: Call, registration: InstanceRegistration) {
    const spec = yield* toInstanceSpec(registration, yield* cluster.placements)
    return yield* ops.alone(spec.instanceId, registered(call, spec))
  })

  /** Runs under the lock of the instance id, so that the reads here remain valid until the actor has committed. */
  const registered = Effect.fnUntraced(function* (call: Call, spec: InstanceSpec) {
    const known = yield* reads.get(spec.instanceId)
    if (known !== undefined && known.placement !== spec.placement) {
      return yield* new Conflict({
        message: `instance ${spec.instanceId} is registered in ${known.placement}; deregister it there first`,
        state: known.phase
      })
    }
    const entityId = instanceEntityId(spec.placement, spec.instanceId)
    if (known === undefined && (yield* tombstones.has(entityId))) yield* bury(entityId)
    return yield* actorOf(entityId).Register({ spec }, optionsOf(call))
  })

  /**
   * The machine of an instance that was deregistered without its runner is back. Its remains are removed before the id
   * is registered again.
   */
  const bury = Effect.fnUntraced(function* (entityId: string) {
    const left = yield* actorOf(entityId)
      .Deregister({ force: true }, { timeoutMillis: forceMillis })
      .pipe(
        Effect.map(({ phase }) => phase),
        Effect.catchTags({ NotFound: () => Effect.succeed("destroyed" as const), IdempotencyConflict: Effect.die })
      )
    if (left !== "destroyed") {
      return yield* new Conflict({
        message: "an instance of this id is being removed from its machine, which has come back; try again in a moment",
        state: left
      })
    }
    yield* tombstones.remove(entityId)
  })

  /**
   * When the runner is lost, the instance is deregistered without it: a tombstone hides the instance from readers at
   * once, and tells the actor when a runner owns it again.
   */
  const deregister = Effect.fnUntraced(function* (
    call: Call,
    { force = false, instanceId }: Request<"instances", "deregister">
  ) {
    const known = force ? yield* reads.get(instanceId) : undefined
    if (known === undefined) {
      return yield* command(call, instanceId, (actor) => actor.Deregister({ force }, optionsOf(call)))
    }
    const entityId = instanceEntityId(known.placement, instanceId)
    return yield* actorOf(entityId)
      .Deregister({ force }, { ...optionsOf(call), timeoutMillis: forceMillis })
      .pipe(
        Effect.catchTag("ActorUnavailable", (silent) =>
          Effect.gen(function* () {
            const now = yield* reads.get(instanceId)
            if (now !== undefined && now.health !== "unknown") return yield* silent
            yield* tombstones.put(entityId)
            return { ...known, phase: "destroyed" as const, health: "unknown" as const, reason: retired }
          })
        )
      )
  })

  const health = Effect.fn("Instances.health")(function* (call: Call, { instanceId }: InstanceAddress) {
    const known = yield* seen(call, instanceId)
    const silent = { ...known, health: "unknown" as const, reason: "its runner does not answer" }
    const { breaker, health, lastHeartbeatAt, phase, reason } = yield* asNow(known).pipe(
      Effect.catchTag("ActorUnavailable", () => Effect.succeed<InstanceStatus>(silent))
    )
    return {
      instanceId,
      health,
      phase,
      breaker,
      ...(reason === undefined ? {} : { reason }),
      ...(lastHeartbeatAt === undefined ? {} : { lastHeartbeatAt })
    }
  })

  const get = Effect.fn("Instances.get")(function* (call: Call, { instanceId }: InstanceAddress) {
    const known = yield* seen(call, instanceId)
    const status = yield* Effect.catchTag(asNow(known), "ActorUnavailable", () => Effect.succeed(known))
    return { ...status, ...uptimeOf(status, yield* Clock.currentTimeMillis) }
  })

  /** The caps in the request are checked together with those that the instance already has. */
  const update = Effect.fn("Instances.update")(function* (
    call: Call,
    { instanceId, update: change }: Request<"instances", "update">
  ) {
    const known = yield* reads.get(instanceId)
    if (known === undefined) return yield* unknownInstance(instanceId)
    const faults = fieldFaults(known.driver, change, known)
    if (faults.length > 0) return yield* new InvalidInput({ message: "the instance cannot be changed so", faults })
    return yield* actorOf(instanceEntityId(known.placement, instanceId)).Update({ update: change }, optionsOf(call))
  })

  /**
   * Reads pages until the result is full, because matching instances may be rare. The number of instances bounds the
   * loop.
   */
  const list = Effect.fn("Instances.list")(function* (
    call: Call,
    { after, limit = pageSize.fallback, tenantId, ...wanted }: Request<"instances", "list">
  ) {
    const owner = yield* reading(call, tenantId)
    const from = yield* placeOf("instances", after)
    const first = yield* reads.list({
      tenantId: owner,
      after: from,
      limit: isNarrowed(wanted) ? pageSize.most : limit
    })
    if (!isNarrowed(wanted)) return withToken("instances", first)
    const items: Array<InstanceStatus> = []
    let page = first
    while (true) {
      items.push(...page.items.filter((status) => isWanted(status, wanted)))
      if (items.length > limit || page.next === undefined) break
      page = yield* reads.list({ tenantId: owner, after: page.next, limit: pageSize.most })
    }
    const shown = items.slice(0, limit)
    const last = shown.at(-1)
    return withToken("instances", {
      items: shown,
      position: first.position,
      ...(items.length > limit && last !== undefined ? { next: instanceEntityId(last.placement, last.instanceId) } : {})
    })
  })

  const load = Effect.fn("Instances.load")(function* (call: Call, { instanceId }: InstanceAddress) {
    const { load, maxConcurrentSessions, maxConcurrentTasks } = yield* get(call, { instanceId })
    return { instanceId, load, maxConcurrentTasks, maxConcurrentSessions }
  })

  return Instances.of({
    register,
    get,
    health,
    load,
    list,
    update,
    start: Effect.fn("Instances.start")((call: Call, { instanceId }: InstanceAddress) =>
      command(call, instanceId, (actor) => actor.Start(undefined, optionsOf(call)))
    ),
    stop: Effect.fn("Instances.stop")(
      (call: Call, { graceMillis = defaultGraceMillis, instanceId }: Request<"instances", "stop">) =>
        command(call, instanceId, (actor) => actor.Stop({ graceMillis }, optionsOf(call)))
    ),
    drain: Effect.fn("Instances.drain")(
      (call: Call, { deadlineMillis = defaultDrainMillis, instanceId }: Request<"instances", "drain">) =>
        command(call, instanceId, (actor) => actor.Drain({ deadlineMillis }, optionsOf(call)))
    ),
    deregister: Effect.fn("Instances.deregister")(deregister),
    logs: Effect.fn("Instances.logs")(function* (call: Call, { instanceId, ...query }: Request<"instances", "logs">) {
      const { placement } = yield* seen(call, instanceId)
      const found = yield* ops.logs(instanceId, placement, LogFilter.isNarrowed(query) ? linesRead : query.limit)
      return { instanceId, lines: LogFilter.selectLines(found.lines, query) }
    }),
    metrics: Effect.fn("Instances.metrics")(function* (call: Call, { instanceId }: InstanceAddress) {
      const known = yield* seen(call, instanceId)
      const measured = yield* ops.metrics(instanceId, known.placement)
      return { ...uptimeOf(known, yield* Clock.currentTimeMillis), ...measured }
    })
  })
})

export class Instances extends Context.Service<Instances, UseCases<"instances">>()("clawster/gateway/Instances") {
  static readonly layer: Layer.Layer<Instances, never, Sharding.Sharding | InstanceReads | InstanceOps | ClusterReads> =
    Layer.effect(
      Instances,
      Effect.suspend(() => make)
    )
}
