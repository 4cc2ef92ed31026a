/**
 * Refuses what a tenant may not do, before its lanes and sessions are asked: the first of the layers tenant, lane and
 * breaker. A suspended or deleted tenant is refused with `Conflict`, one at a cap with `Overloaded`; both name the
 * layer, what bounds the tenant, and what to do.
 */
import { Context, Duration, Effect, Layer } from "effect"
import { RateLimiter } from "effect/persistence"
import { Lane } from "../../../entities/Lane.ts"
import { Session } from "../../../entities/Session.ts"
import { DeploymentCaps } from "../../../ports/DeploymentCaps.ts"
import { TenantReads } from "../../../ports/tenants/TenantReads.ts"
import { heldBecause, Tenants } from "../../../ports/tenants/Tenants.ts"
import { ViewReads } from "../../../ports/ViewReads.ts"
import { ActorUnavailable, Conflict, InvalidInput, Overloaded } from "../../../schema/Errors.ts"
import { layers } from "../../../schema/Layers.ts"
import { laneEntityId, type LaneName, sessionEntityId, type SessionId, TenantId } from "../../../schema/Ids.ts"
import { LaneStatus } from "../../../schema/Lane.ts"
import { SessionStatus } from "../../../schema/Session.ts"
import type { TenantStatus } from "../../../schema/Tenant.ts"
import { type Capped, make as makeCappedUse } from "./CappedUse.ts"

type Closed = Conflict | ActorUnavailable
type Refused = Closed | Overloaded

const layerOf = layers.tenant

const raise = ({ tenantId }: TenantStatus, flag: string): string =>
  `or have an operator raise it (clawster tenant set ${tenantId} --${flag} N)`

const notRead = new ActorUnavailable({
  reason: "StoreUnavailable",
  message: "what holds for this tenant has not been read yet; try again",
  retryAfterMillis: 1_000
})

/** Not `Overloaded`, which clients try again by themselves: only an operator ends it. */
const closed = ({ reason, state, tenantId }: TenantStatus): Conflict =>
  new Conflict({
    message:
      `tenant ${tenantId} is ${state}${reason === undefined ? "" : `: ${reason}`}; ` +
      `an operator resumes it (clawster tenant resume ${tenantId})`,
    state,
    layer: layerOf(tenantId)
  })

const nouns: Record<Capped, string> = { pending: "waiting tasks", lanes: "lanes", sessions: "open sessions" }
const ways: Record<Capped, string> = {
  pending: "Submit again when some have started",
  lanes: "Use a lane that it has",
  sessions: "Terminate some first"
}

const full = (status: TenantStatus, what: Capped, used: number, count: number): Overloaded =>
  new Overloaded({
    layer: layerOf(status.tenantId),
    message:
      `tenant ${status.tenantId} has ${used} ${nouns[what]}, and its cap on ${what} is ${status.caps[what]}: ` +
      `${count} more do not fit. ${ways[what]}, ${raise(status, what)}`,
    retryAfterMillis: 1_000
  })

const tooFast = (status: TenantStatus, wait: Duration.Duration): Overloaded =>
  new Overloaded({
    layer: layerOf(status.tenantId),
    message:
      `tenant ${status.tenantId} sends more than its cap on ratePerSecond, ${status.caps.ratePerSecond}. ` +
      `Send slower, ${raise(status, "rate")}`,
    retryAfterMillis: Math.max(1, Math.ceil(Duration.toMillis(wait)))
  })

const aboveRunning = (status: TenantStatus, running: number): InvalidInput =>
  new InvalidInput({
    message:
      `the concurrency of a lane of tenant ${status.tenantId} is at most its cap on running, ${running}; ` +
      `choose less, ${raise(status, "running")}`,
    faults: [{ path: "concurrency", expected: `1 to ${running}, the tenant's cap on running` }]
  })

/** Lanes and sessions that are known to exist. All are forgotten beyond this number, and looked up again. */
const knownMost = 10_000

const existence = (views: ViewReads["Service"]) => {
  const known = new Set<string>()
  const note = (key: string) => {
    if (known.size >= knownMost) known.clear()
    known.add(key)
  }
  const isNew = (key: string, view: Effect.Effect<unknown, ActorUnavailable>) =>
    Effect.gen(function* () {
      if (known.has(key)) return false
      const found = yield* view
      note(key)
      return found === undefined
    })
  return {
    lane: (entityId: string) => isNew(`Lane ${entityId}`, views.get(Lane, LaneStatus, entityId)),
    session: (entityId: string) => isNew(`Session ${entityId}`, views.get(Session, SessionStatus, entityId)),
    forget: (key: string) => void known.delete(key)
  }
}

/** Takes one of the sessions that the whole deployment may have open; undefined without such a cap. */
const deploymentGate = Effect.fnUntraced(function* ({ openSessions }: TenantReads["Service"]) {
  const { sessions: cap } = yield* DeploymentCaps
  if (cap === undefined) return undefined
  const all = TenantId.make("all")
  const use = yield* makeCappedUse({
    usage: () => Effect.map(openSessions, (sessions) => ({ lanes: 0, pending: 0, scheduled: 0, sessions }))
  })
  return Effect.flatMap(use.take(all, "sessions", 1, cap), (used) =>
    used === undefined
      ? Effect.void
      : Effect.fail(
          new Overloaded({
            layer: layers.deployment,
            message:
              `the deployment has ${used} open sessions, and its cap is ${cap}. Terminate some first, ` +
              "or have an operator raise it (CLAWSTER_DEPLOYMENT_CAPS)",
            retryAfterMillis: 1_000
          })
        )
  )
})

const make = Effect.gen(function* () {
  const tenants = yield* Tenants
  const views = yield* ViewReads
  const reads = yield* TenantReads
  const use = yield* makeCappedUse(reads)
  const deployment = yield* deploymentGate(reads)
  const limiter = yield* RateLimiter.RateLimiter
  const exists = existence(views)

  const statusOf = Effect.fnUntraced(function* (tenantId: TenantId) {
    return (yield* tenants.of(tenantId)) ?? (yield* notRead)
  })

  const open = Effect.fnUntraced(function* (tenantId: TenantId): Effect.fn.Return<TenantStatus, Closed> {
    const status = yield* statusOf(tenantId)
    return status.state === "active" ? status : yield* closed(status)
  })

  /**
   * A bulk is let through when one is, and the rest of it is owed: so a bulk above the rate need not be split, and the
   * mean holds.
   */
  const atRate = Effect.fnUntraced(function* (status: TenantStatus, count: number) {
    const limit = status.caps.ratePerSecond
    if (limit === undefined) return
    const bucket = { algorithm: "token-bucket", window: "1 second", limit, key: status.tenantId } as const
    yield* limiter
      .consume({ ...bucket, onExceeded: "fail" })
      .pipe(
        Effect.catch((error) =>
          error.reason._tag === "RateLimitExceeded"
            ? Effect.fail(tooFast(status, error.reason.retryAfter))
            : Effect.die(error)
        )
      )
    if (count > 1) {
      yield* Effect.orDie(limiter.consume({ ...bucket, onExceeded: "delay", tokens: count - 1 }))
    }
  })

  const within = Effect.fnUntraced(function* (status: TenantStatus, what: Capped, count: number) {
    const cap = status.caps[what]
    if (cap === undefined) return
    const used = yield* use.take(status.tenantId, what, count, cap)
    if (used !== undefined) return yield* full(status, what, used, count)
  })

  const withinLanes = Effect.fnUntraced(function* (status: TenantStatus, lane: LaneName) {
    if (status.caps.lanes === undefined) return
    const entityId = laneEntityId(status.tenantId, lane)
    if (!(yield* exists.lane(entityId))) return
    yield* Effect.tapError(within(status, "lanes", 1), () => Effect.sync(() => exists.forget(`Lane ${entityId}`)))
  })

  /** The tenant's cap first, then the deployment's. */
  const withinSessions = Effect.fnUntraced(function* (status: TenantStatus, sessionId: SessionId) {
    if (status.caps.sessions === undefined && deployment === undefined) return
    const entityId = sessionEntityId(status.tenantId, sessionId)
    if (!(yield* exists.session(entityId))) return
    const opens = Effect.andThen(within(status, "sessions", 1), deployment ?? Effect.void)
    yield* Effect.tapError(opens, () => Effect.sync(() => exists.forget(`Session ${entityId}`)))
  })

  return TenantGate.of({
    submit: Effect.fnUntraced(function* (tenantId, { count, lane, sessions }) {
      const status = yield* open(tenantId)
      yield* atRate(status, count)
      yield* withinLanes(status, lane)
      yield* Effect.forEach(sessions, (sessionId) => withinSessions(status, sessionId), { discard: true })
      yield* within(status, "pending", count)
    }),
    openSession: Effect.fnUntraced(function* (tenantId, sessionId) {
      const status = yield* open(tenantId)
      yield* atRate(status, 1)
      yield* withinSessions(status, sessionId)
    }),
    sendTurn: (tenantId) => Effect.flatMap(open(tenantId), (status) => atRate(status, 1)),
    configureLane: Effect.fnUntraced(function* (tenantId, lane, concurrency = 0) {
      const status = yield* open(tenantId)
      const { running } = status.caps
      if (running !== undefined && concurrency > running) return yield* aboveRunning(status, running)
      yield* withinLanes(status, lane)
    }),
    waitsFor: (tenantId) => Effect.map(tenants.of(tenantId), heldBecause)
  })
})

export interface Submitted {
  readonly lane: LaneName
  readonly count: number
  /** Those that the tasks name. A task opens the one that does not exist. */
  readonly sessions: ReadonlySet<SessionId>
}

export class TenantGate extends Context.Service<
  TenantGate,
  {
    readonly submit: (tenantId: TenantId, tasks: Submitted) => Effect.Effect<void, Refused>
    readonly openSession: (tenantId: TenantId, sessionId: SessionId) => Effect.Effect<void, Refused>
    readonly sendTurn: (tenantId: TenantId) => Effect.Effect<void, Refused>
    /** Also fails with `InvalidInput` when the concurrency is above the tenant's cap on running. */
    readonly configureLane: (
      tenantId: TenantId,
      lane: LaneName,
      concurrency?: number
    ) => Effect.Effect<void, Refused | InvalidInput>
    /** What everything of the tenant that waits waits for first; undefined when it may start. */
    readonly waitsFor: (tenantId: TenantId) => Effect.Effect<string | undefined>
  }
>()("clawster/gateway/TenantGate") {
  /** The rate is counted in this process. */
  static readonly layer: Layer.Layer<TenantGate, never, ViewReads | TenantReads> = Layer.effect(
    TenantGate,
    Effect.suspend(() => make)
  ).pipe(Layer.provide(RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))))
}
