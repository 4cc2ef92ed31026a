/** An API that answers from a few things in memory and keeps what it was asked. Everything else is not found. */
import { Effect, Layer, Record, Stream } from "effect"
import { Api, type ApiError, type Calls } from "../../src/cli/api/Api.ts"
import { operations } from "../../src/rpc/Catalog.ts"
import type { AnyNoun } from "../../src/rpc/operations/Operation.ts"
import { NotFound } from "../../src/schema/Errors.ts"
import { Cursor, type FeedEvent } from "../../src/schema/feed/Feed.ts"
import { defaultPlacement, InstanceId, LaneName, SessionId, TaskId, TenantId } from "../../src/schema/Ids.ts"
import type { UnservedPlacement } from "../../src/schema/ClusterStatus.ts"
import type { DeadMessage } from "../../src/schema/DeadMessage.ts"
import type { InstanceStatus } from "../../src/schema/Instance.ts"
import { defaultLaneConfig, type LaneStatus } from "../../src/schema/Lane.ts"
import type { SessionStatus, TurnStatus } from "../../src/schema/Session.ts"
import type { TaskPhase, TaskStatus } from "../../src/schema/Task.ts"

export const tenantId = TenantId.make("acme")
const lane = LaneName.make("default")
export const cursor = Cursor.make("1-2")

export const taskOf = (id: string, phase: TaskPhase, more: Partial<TaskStatus> = {}): TaskStatus => ({
  taskId: TaskId.make(id),
  tenantId,
  lane,
  phase,
  priority: "normal",
  attempt: 1,
  maxAttempts: 3,
  submittedAt: 0,
  ...more
})

export const instanceOf = (id: string, more: Partial<InstanceStatus> = {}): InstanceStatus => ({
  instanceId: InstanceId.make(id),
  driver: "process",
  placement: defaultPlacement,
  tenancy: { _tag: "shared" },
  capabilities: [],
  allowedModels: [],
  maxConcurrentTasks: 4,
  maxConcurrentSessions: 8,
  phase: "warm",
  health: "healthy",
  occupancy: "warm",
  breaker: "closed",
  load: { runningTasks: 1, activeSessions: 0, queuedTasks: 0 },
  restarts: 0,
  registeredAt: 0,
  ...more
})

export const turnOf = (id: string, more: Partial<TurnStatus> = {}): TurnStatus => ({
  turnId: id,
  phase: "completed",
  message: "hi",
  text: "hello",
  acceptedAt: 0,
  ...more
})

const session: SessionStatus = {
  sessionId: SessionId.make("s1"),
  tenantId,
  phase: "open",
  hints: {},
  queued: 0,
  turnsCompleted: 1,
  turns: [turnOf("u1")],
  createdAt: 0,
  lastActivityAt: 0
}

const deadMessage: DeadMessage = {
  number: 7,
  entityType: "Lane",
  entityId: "acme/main",
  messageId: "Instance/default/i1/3/0",
  tag: "AttemptEnded",
  reason: "threw",
  error: "Error: no",
  at: 0,
  payloadLength: 8
}

const laneStatus: LaneStatus = {
  tenantId,
  lane,
  config: { ...defaultLaneConfig, ratePerSecond: 5 },
  state: "open",
  pending: 3,
  scheduled: 0,
  running: 1,
  completed: 10,
  failed: 0,
  cancelled: 0,
  deadLettered: 2
}

export const eventOf = (type: string, payload: FeedEvent["payload"]): FeedEvent => ({
  cursor,
  type,
  timestamp: 0,
  tenantId,
  entityType: "Lane",
  entityId: "acme/default",
  seq: 1,
  payload
})

export interface Fake {
  /** Of every result. */
  readonly parts?: ReadonlyArray<string>
  readonly tasks?: ReadonlyArray<TaskStatus>
  readonly instances?: ReadonlyArray<InstanceStatus>
  readonly events?: ReadonlyArray<FeedEvent>
  /** The feed, and what comes after it for ever. */
  readonly feed?: Stream.Stream<FeedEvent>
  readonly fails?: ApiError
  readonly unserved?: ReadonlyArray<UnservedPlacement>
  /** Of operations that have no answer here, by noun and operation: `things.get`. */
  readonly answers?: Readonly<Record<string, unknown>>
}

export interface Asked {
  readonly call: string
  readonly request: unknown
}

export const make = (fake: Fake = {}) => {
  const asked: Array<Asked> = []
  const answer = <A>(call: string, request: unknown, value: () => A | undefined): Effect.Effect<A, ApiError> =>
    Effect.suspend(() => {
      asked.push({ call, request })
      if (fake.fails !== undefined) return Effect.fail(fake.fails)
      const found = value()
      return found === undefined
        ? Effect.fail(new NotFound({ kind: "thing", id: "x", message: `${call}: there is no such thing` }))
        : Effect.succeed(found)
    })
  const task = (id: string) => fake.tasks?.find(({ taskId }) => taskId === id)
  const instance = (id: string) => fake.instances?.find(({ instanceId }) => instanceId === id)
  const page = <A>(items: ReadonlyArray<A> | undefined) => ({ items: items ?? [], position: cursor })
  // Every other operation, by its name: a noun needs nothing here of its own.
  const named = Record.map(operations, ({ operations }: AnyNoun, noun) =>
    Record.map(operations, (_, verb) => (request: object, options?: object) => {
      const call = `${noun}.${verb}`
      return answer(call, { ...request, ...options }, () => fake.answers?.[call])
    })
  ) as unknown as Calls
  const api = Api.of({
    ...named,
    url: Effect.succeed("http://gateway"),
    tasks: {
      submitMany: ({ tasks }, options) =>
        answer("submit", { tasks, ...options }, () => ({
          tasks: tasks.map(({ taskId }) => ({
            taskId: taskId ?? TaskId.make("t1"),
            outcome: "accepted",
            phase: "pending",
            lane,
            submittedAt: 0
          }))
        })),
      get: (request) => answer("get", request, () => task(request.taskId)),
      result: ({ from = 0, ...request }) =>
        answer("result", { ...request, from }, () => {
          const parts = fake.parts ?? []
          const text = parts[from]
          if (text === undefined) return undefined
          return from + 1 < parts.length ? { text, next: from + 1 } : { text }
        }),
      list: (request) => answer("list", request, () => page(fake.tasks)),
      cancel: (request) => answer("cancel", request, () => task(request.taskId)),
      cancelMany: (request) => answer("cancelMany", request, () => ({ cancelled: 2, remaining: 0 })),
      replay: (request) => answer("replay", request, () => ({ replayed: request.taskIds ?? [] })),
      events: (request) => answer("events", request, () => page(fake.events)),
      wait: (request) => answer("wait", request, () => task(request.taskId))
    },
    instances: {
      register: (request) => answer("register", request, () => instanceOf(request.instanceId ?? "i9")),
      update: ({ instanceId: id, update }) =>
        answer("update", { id, update }, () => ({
          ...instanceOf(id),
          changed: Object.keys(update).map((field) => ({ field, takesEffect: "now" as const }))
        })),
      list: (request) => answer("instances", request, () => page(fake.instances)),
      get: ({ instanceId: id }) => answer("instance", id, () => instance(id)),
      health: ({ instanceId: id }) => answer("health", id, () => instance(id)),
      start: ({ instanceId: id }) => answer("start", id, () => instance(id)),
      stop: ({ graceMillis, instanceId: id }) => answer("stop", { id, graceMillis }, () => instance(id)),
      drain: ({ deadlineMillis, instanceId: id }) => answer("drain", { id, deadlineMillis }, () => instance(id)),
      deregister: ({ force, instanceId: id }) => answer("deregister", { id, force }, () => instance(id)),
      load: ({ instanceId }) => answer<never>("load", instanceId, () => undefined),
      logs: ({ instanceId, ...query }) =>
        answer("logs", { instanceId, ...query }, () => ({ instanceId, lines: ["one", "two"] })),
      metrics: ({ instanceId }) => answer("metrics", instanceId, () => ({ instanceId, rssBytes: 1_048_576 }))
    },
    sessions: {
      create: (request) => answer("createSession", request, () => session),
      get: (request) => answer("session", request, () => session),
      list: (request) => answer("sessions", request, () => page([session])),
      send: (request, options) => answer("send", { ...request, ...options }, () => turnOf("u2", { phase: "queued" })),
      steer: (request) => answer("steer", request, () => turnOf("u2", { phase: "queued" })),
      turn: (request) => answer("turn", request, () => turnOf(request.turnId)),
      turns: (request) => answer("turns", request, () => page([turnOf("u1")])),
      turnResult: (request) => answer("turnResult", request, () => ({ text: fake.parts?.[0] ?? "" })),
      waitTurn: (request) => answer("waitTurn", request, () => turnOf(request.turnId)),
      move: (request) => answer("move", request, () => session),
      abort: (request) => answer("abort", request, () => session),
      terminate: (request) => answer("terminate", request, () => session)
    },
    lanes: {
      get: (request) => answer("lane", request, () => laneStatus),
      list: (request) => answer("lanes", request, () => page([laneStatus])),
      configure: (request) => answer("configure", request, () => laneStatus)
    },
    keys: {
      create: (request) =>
        answer("createKey", request, () => ({
          key: { keyId: "abcdefgh", name: request.name, role: request.role, createdAt: 0 },
          token: "claw_abcdefgh_secret"
        })),
      list: (request) => answer("keys", request, () => page([])),
      revoke: ({ keyId }) =>
        answer("revoke", keyId, () => ({ keyId, name: "ann", role: "operator" as const, createdAt: 0, revokedAt: 1 }))
    },
    messages: {
      list: (request) => answer("messages", request, () => page([deadMessage])),
      get: (request) => answer("message", request, () => ({ ...deadMessage, payload: '{"by":1}' })),
      replay: ({ number }) => answer("replayMessage", number, () => ({ number, outcome: "applied" as const })),
      remove: ({ number }) => answer("removeMessage", number, () => deadMessage)
    },
    system: {
      me: () => answer("me", {}, () => ({ keyId: "k", name: "ann", role: "operator" as const })),
      runners: () =>
        answer("runners", undefined, () => ({
          items: [
            {
              address: "10.0.0.1:34431",
              state: "serving" as const,
              placements: [defaultPlacement],
              shards: 300,
              leaseMillis: 5_000
            }
          ],
          ...(fake.unserved === undefined ? {} : { unserved: fake.unserved })
        })),
      shards: () =>
        answer("shards", undefined, () => ({
          items: [
            { placement: defaultPlacement, owner: "10.0.0.1:34431", shards: 300, epoch: 4, since: 0 },
            ...(fake.unserved ?? []).map(({ placement }) => ({
              placement,
              shards: 300,
              epoch: 2,
              since: 0,
              isServed: false
            }))
          ]
        })),
      position: () => answer("position", {}, () => ({ position: cursor }))
    },
    follow: (request) =>
      Stream.unwrap(
        Effect.sync(() => {
          asked.push({ call: "follow", request })
          return fake.feed ?? Stream.never
        })
      )
  })
  return { asked, layer: Layer.succeed(Api, api) }
}
