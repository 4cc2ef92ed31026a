/**
 * The workload: tasks with priorities, retries, delays and cancellations in two lanes, some of them in sessions, whose
 * turns are steered and aborted.
 */
import { Effect, Random } from "effect"
import * as ActorClient from "../../actor/ActorClient.ts"
import { Instance } from "../../entities/Instance.ts"
import { Lane } from "../../entities/Lane.ts"
import { Session } from "../../entities/Session.ts"
import {
  defaultPlacement,
  InstanceId,
  instanceEntityId,
  laneEntityId,
  LaneName,
  sessionEntityId,
  SessionId,
  TaskId,
  TenantId
} from "../../schema/Ids.ts"
import type { InstanceSpec } from "../../schema/Instance.ts"
import { defaultLaneConfig } from "../../schema/Lane.ts"
import type { TaskSpec } from "../../schema/Task.ts"
import { Workload } from "../Workload.ts"

export const instances = ["gateway-1", "gateway-2", "gateway-3"]
/** Slots of each. */
export const slots = 3
const tenant = TenantId.make("acme")
const lanes = ["default", "bulk"].map((name) => LaneName.make(name))
const sessions = ["talk-1", "talk-2", "talk-3"].map((name) => SessionId.make(name))
/** Nobody creates the last one but the tasks that name it. */
const inSessions = [...sessions, SessionId.make("talk-of-tasks")] as const
const priorities = ["low", "normal", "high", "critical"] as const
const timeoutMillis = 20_000

const specOf = (instanceId: string): InstanceSpec => ({
  instanceId: InstanceId.make(instanceId),
  driver: "simulated",
  placement: defaultPlacement,
  tenancy: { _tag: "shared" },
  capabilities: [],
  allowedModels: [],
  enabledChannels: [],
  maxConcurrentTasks: slots,
  maxConcurrentSessions: 10,
  maxAgents: 10,
  resourceLimits: {}
})

const directive = Effect.gen(function* () {
  const kind = yield* Random.nextIntBetween(0, 19)
  if (kind === 0) return "[[error 500]]"
  if (kind === 1) return "[[error 400]]"
  return `[[delay ${yield* Random.nextIntBetween(0, 2_500)}]]`
})

const taskOf = Effect.fnUntraced(function* (n: number, lane: LaneName, now: number) {
  const later = yield* Random.nextIntBetween(0, 9)
  const talks = yield* Random.nextIntBetween(0, 7)
  return {
    taskId: TaskId.make(`task-${n}`),
    tenantId: tenant,
    lane,
    payload: { message: `work ${n} ${yield* directive}` },
    priority: yield* Random.choice(priorities),
    hints: {},
    retry: { maxAttempts: 3, backoffMillis: 500, maxBackoffMillis: 4_000 },
    timeoutMillis: 20_000,
    ...(talks === 0 ? { sessionId: yield* Random.choice(inSessions) } : {}),
    ...(later === 0 ? { notBefore: Math.floor(now + 5_000) } : {}),
    ...(later === 1 ? { deadlineAt: Math.floor(now + 20_000) } : {})
  } satisfies TaskSpec
})

/** Retries a call of the set-up up to 20 times, because the run may begin in the middle of a fault. */
const insist = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.orDie(Effect.retry(effect, { times: 20 }))

const setUp = Effect.gen(function* () {
  const instance = yield* ActorClient.make(Instance)
  const lane = yield* ActorClient.make(Lane)
  const session = yield* ActorClient.make(Session)
  yield* Effect.forEach(
    instances,
    (id) => {
      const spec = specOf(id)
      return insist(instance(instanceEntityId(spec.placement, spec.instanceId)).Register({ spec }))
    },
    { discard: true }
  )
  yield* Effect.forEach(
    lanes,
    (name) => insist(lane(laneEntityId(tenant, name)).Configure({ config: { ...defaultLaneConfig, concurrency: 4 } })),
    { discard: true }
  )
  yield* Effect.forEach(sessions, (id) => insist(session(sessionEntityId(tenant, id)).SessionCreate({ hints: {} })), {
    discard: true
  })
})

const submitting = Effect.gen(function* () {
  const { call, repeat } = yield* Workload
  const client = yield* ActorClient.make(Lane)
  let n = 0
  const submitted: Array<{ readonly lane: LaneName; readonly taskId: TaskId }> = []
  const submit = Effect.gen(function* () {
    const lane = yield* Random.choice(lanes)
    const entityId = laneEntityId(tenant, lane)
    const me = ++n
    const requestId = `submit-${me}`
    const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const task = yield* taskOf(me, lane, now)
    submitted.push({ lane, taskId: task.taskId })
    yield* call(
      { actor: `Lane/${entityId}`, command: "Submit", requestId, changes: true },
      client(entityId).Submit({ tasks: [task] }, { requestId, timeoutMillis })
    )
  })
  const cancel = Effect.gen(function* () {
    const { lane, taskId } = yield* Effect.orDie(Random.choice(submitted.slice(-20)))
    const entityId = laneEntityId(tenant, lane)
    const requestId = `cancel-${++n}`
    yield* call(
      { actor: `Lane/${entityId}`, command: "Cancel", requestId },
      client(entityId).Cancel({ taskId }, { requestId, timeoutMillis })
    )
  })
  const step = Effect.flatMap(Random.next, (draw) =>
    draw < 0.12 && submitted.length > 0 ? Effect.ignore(cancel) : Effect.ignore(submit)
  )
  yield* Effect.all([repeat(step, "400 millis"), repeat(step, "900 millis")], { concurrency: 2, discard: true })
})

const talking = (sessionId: SessionId) =>
  Effect.gen(function* () {
    const { call, repeat } = yield* Workload
    const session = (yield* ActorClient.make(Session))(sessionEntityId(tenant, sessionId))
    const actor = `Session/${sessionEntityId(tenant, sessionId)}`
    let n = 0
    const step = Effect.gen(function* () {
      const me = ++n
      const turnId = `${sessionId}-turn-${me}`
      const requestId = `${sessionId}-${me}`
      const message = `turn ${me} ${yield* directive}`
      switch (yield* Random.nextIntBetween(0, 11)) {
        case 0: {
          const queueMode = yield* Random.choice(["steer", "interrupt", "collect", "followup"] as const)
          return yield* call(
            { actor, command: "SessionSteer", requestId },
            session.SessionSteer({ turnId, message, queueMode }, { requestId, timeoutMillis })
          )
        }
        case 1:
          return yield* call(
            { actor, command: "SessionAbort", requestId },
            session.SessionAbort({ queued: false }, { requestId, timeoutMillis })
          )
        default:
          return yield* call(
            { actor, command: "TurnSend", requestId, changes: true },
            session.TurnSend({ turnId, message, timeoutMillis: 30_000 }, { requestId, timeoutMillis })
          )
      }
    })
    yield* repeat(step, "2 seconds")
  })

export const workload = Effect.andThen(
  setUp,
  Effect.all([submitting, ...sessions.map(talking)], { concurrency: "unbounded", discard: true })
)

export const probe = (n: number) =>
  Effect.gen(function* () {
    const lane = (yield* ActorClient.make(Lane))(laneEntityId(tenant, lanes[n % lanes.length]!))
    const session = (yield* ActorClient.make(Session))(sessionEntityId(tenant, sessions[n % sessions.length]!))
    yield* lane.LaneGet()
    yield* session.SessionGet()
  })
