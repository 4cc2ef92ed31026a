/**
 * A fleet of simulated gateways that answer at once, lanes in front of them, and a client that submits and learns of
 * each end.
 */
import { Deferred, Effect, Layer, type Redacted, Stream } from "effect"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { Instance } from "../../src/entities/Instance.ts"
import { Lane } from "../../src/entities/Lane.ts"
import { Feed } from "../../src/ports/Reads.ts"
import {
  defaultPlacement,
  instanceEntityId,
  InstanceId,
  laneEntityId,
  LaneName,
  TaskId,
  TenantId
} from "../../src/schema/Ids.ts"
import { defaultLaneConfig } from "../../src/schema/Lane.ts"
import { defaultRetryPolicy, type TaskSpec } from "../../src/schema/Task.ts"
import type { FleetOptions } from "../../src/instances/simulated/SimulatedFleet.ts"
import * as Clawster from "./clawster.ts"
import { Watch } from "./Watch.ts"

export interface FleetShape {
  readonly instances: number
  readonly slots: number
  readonly lanes: number
  /** How a client learns of an end: from the commit itself, as an embedder would, or from the event feed. */
  readonly learnsBy?: "commit" | "feed"
  /** What gateways do beside answering at once. */
  readonly gateways?: Partial<FleetOptions>
  /** The answer to every task. */
  readonly text?: string
}

/** One lane with as many slots as its instances have. */
export const shape: FleetShape = { instances: 4, slots: 128, lanes: 1 }

const tenantId = TenantId.make("bench")

const register = Effect.fnUntraced(function* (shape: FleetShape) {
  const client = yield* ActorClient.make(Instance)
  const ids = Array.from({ length: shape.instances }, (_, n) => InstanceId.make(`instance-${n}`))
  yield* Effect.forEach(
    ids,
    (instanceId) =>
      client(instanceEntityId(defaultPlacement, instanceId)).Register({
        spec: {
          instanceId,
          driver: "simulated",
          placement: defaultPlacement,
          tenancy: { _tag: "shared" },
          capabilities: [],
          allowedModels: [],
          enabledChannels: [],
          maxConcurrentTasks: shape.slots,
          maxConcurrentSessions: 10_000,
          maxAgents: 10_000,
          resourceLimits: {}
        }
      }),
    { concurrency: 16, discard: true }
  )
})

const followed = Effect.fnUntraced(function* (ended: (taskId: string) => void) {
  const feed = yield* Feed
  yield* feed.follow(yield* Effect.orDie(feed.position)).pipe(
    Stream.runForEachArray((events) =>
      Effect.sync(() => {
        for (const { payload, type } of events) {
          if (type === "task.completed") ended((payload as { readonly taskId: string }).taskId)
        }
      })
    )
  )
})

/** Up until the scope closes, each lane warmed by one task. */
export const make = Effect.fnUntraced(function* (url: Redacted.Redacted, shape: FleetShape) {
  const watch = new Watch()
  const gateways: FleetOptions = {
    ...shape.gateways,
    maxConcurrentRuns: shape.slots,
    handler: ({ message }) => (watch.began(message), shape.text === undefined ? {} : { text: shape.text })
  }
  const world = yield* Layer.build(Clawster.layerFleet(url, gateways, watch))
  yield* Effect.provide(register(shape), world).pipe(Effect.orDie)
  const clientOf = yield* Effect.provide(ActorClient.make(Lane), world)
  const names = Array.from({ length: shape.lanes }, (_, n) => LaneName.make(`lane-${n}`))
  const lanes = names.map((lane) => clientOf(laneEntityId(tenantId, lane)))
  for (const lane of lanes) {
    yield* Effect.orDie(
      lane.Configure({
        config: {
          ...defaultLaneConfig,
          concurrency: Math.max(1, Math.floor((shape.instances * shape.slots) / shape.lanes)),
          capacity: 10_000_000
        }
      })
    )
  }

  let completed = 0
  let target: { readonly at: number; readonly reached: Deferred.Deferred<void> } | undefined
  const waiting = new Map<string, (answer: Effect.Effect<void>) => void>()
  const ended = (taskId: string) => {
    completed++
    if (target !== undefined && completed >= target.at) Deferred.doneUnsafe(target.reached, Effect.void)
    waiting.get(taskId)?.(Effect.void)
    waiting.delete(taskId)
  }
  if (shape.learnsBy === "feed") yield* Effect.forkScoped(Effect.provide(followed(ended), world))
  else watch.onCompleted = ended

  let ids = 0
  const task = (lane: LaneName): TaskSpec => {
    const taskId = TaskId.make(`task-${ids++}`)
    return {
      taskId,
      tenantId,
      lane,
      payload: { message: taskId },
      priority: "normal",
      hints: {},
      retry: defaultRetryPolicy,
      timeoutMillis: 60_000,
      idIsNew: true
    }
  }

  /** Durable when it completes. */
  const submit = (n: number) =>
    Effect.orDie(lanes[n % lanes.length]!.Submit({ tasks: [task(names[n % names.length]!)] }))
  const submitMany = (n: number, count: number) => {
    const [first, ...rest] = Array.from({ length: count }, () => task(names[n % names.length]!))
    return Effect.orDie(lanes[n % lanes.length]!.Submit({ tasks: [first!, ...rest] }))
  }
  /** Completes when the task's end is durable. */
  const run = (n: number) =>
    Effect.suspend(() => {
      const spec = task(names[n % names.length]!)
      const done = Effect.callback<void>((resume) => void waiting.set(spec.taskId, resume))
      return Effect.all([done, Effect.orDie(lanes[n % lanes.length]!.Submit({ tasks: [spec] }))], {
        concurrency: "unbounded",
        discard: true
      })
    })
  /** Completes when `count` more tasks are done. */
  const drained = (count: number) =>
    Effect.suspend(() => {
      const reached = Deferred.makeUnsafe<void>()
      target = { at: completed + count, reached }
      return Deferred.await(reached)
    })

  if (shape.instances > 0) yield* Effect.forEach(lanes, (_, n) => run(n), { discard: true })
  return { run, submit, submitMany, drained, watch }
})
