/** The use cases of tasks, shared by REST and RPC. */
import { Array, Context, Effect, Layer } from "effect"
import type { Sharding } from "effect/cluster"
import * as ActorClient from "../../../actor/ActorClient.ts"
import { Lane } from "../../../entities/Lane.ts"
import { ofTask, Outputs } from "../../../ports/Outputs.ts"
import { Feed, TaskReads } from "../../../ports/Reads.ts"
import { ViewReads } from "../../../ports/ViewReads.ts"
import { type ActorUnavailable, Conflict, NotFound } from "../../../schema/Errors.ts"
import { type LaneName, laneEntityId, type TaskId, type TenantId } from "../../../schema/Ids.ts"
import type { LaneStatus } from "../../../schema/Lane.ts"
import { pageSize } from "../../../schema/lists/Page.ts"
import { type TaskPhase, type TaskSubmission, terminalPhases } from "../../../schema/Task.ts"
import { fromPlaceToken } from "../../../schema/lists/TaskFilter.ts"
import { taskKey } from "../../events/Broadcast.ts"
import { EventHub } from "../../events/EventHub.ts"
import { asRead, type Call, optionsOf } from "../RequestContext.ts"
import { cancelInLane } from "./CancelMany.ts"
import { everyLane, type LaneCount } from "./EveryLane.ts"
import { noResult, type Result, resultOf } from "../Results.ts"
import { mixedFault, toSpec } from "./Submission.ts"
import { checked, repeatedFault, withFingerprint } from "./CallerTaskIds.ts"
import { placeBy } from "../PageToken.ts"
import { TenantGate } from "../tenants/TenantGate.ts"
import { acting, reading } from "../TenantAccess.ts"
import type { Request, UseCases } from "../UseCases.ts"
import { explainMillis, withReasons } from "../WaitReasons.ts"
import { untilOver } from "../AwaitEnd.ts"

/** Target number of replayed ids in one answer. Replays already sent to other lanes may exceed it. */
const replayedMost = 10_000

export interface TaskAddress {
  readonly taskId: TaskId
  readonly tenantId?: TenantId
}

/** The counters of a lane's view that contain tasks of these phases. */
const countsOf = (phases: ReadonlyArray<TaskPhase>): ReadonlyArray<LaneCount> => [
  ...(phases.includes("pending") ? (["pending"] as const) : []),
  ...(phases.includes("scheduled") || phases.includes("retrying") ? (["scheduled"] as const) : []),
  ...(phases.includes("running") ? (["running"] as const) : [])
]

const unknownTask = (taskId: TaskId) =>
  new NotFound({ kind: "task", id: taskId, message: `there is no task ${taskId}` })

const make = Effect.gen(function* () {
  const laneOf = yield* ActorClient.make(Lane)
  const reads = yield* TaskReads
  const views = yield* ViewReads
  const hub = yield* EventHub
  const feed = yield* Feed
  const outputs = yield* Outputs
  const gate = yield* TenantGate

  const find = Effect.fnUntraced(function* (tenantId: TenantId | undefined, taskId: TaskId) {
    return (yield* reads.get(tenantId, taskId)) ?? (yield* unknownTask(taskId))
  })

  const submitted = Effect.fn("Tasks.submit")(function* (call: Call, tasks: ReadonlyArray<TaskSubmission>) {
    const fault = mixedFault(tasks)
    if (fault !== undefined) return yield* fault
    const tenantId = yield* acting(call, tasks[0]?.tenantId)
    const specs = yield* Effect.forEach(tasks, (task) => Effect.map(toSpec(task, tenantId), withFingerprint))
    const repeated = repeatedFault(specs)
    if (repeated !== undefined) return yield* repeated
    const [first, ...rest] = specs
    const sessions = new Set(specs.flatMap(({ sessionId }) => sessionId ?? []))
    yield* gate.submit(tenantId, { lane: first!.lane, count: specs.length, sessions })
    const lane = laneOf(laneEntityId(tenantId, first!.lane))
    return yield* checked(reads.submissions, specs, lane.Submit({ tasks: [first!, ...rest] }, optionsOf(call)))
  })

  const wait = Effect.fn("Tasks.wait")(function* (
    call: Call,
    { millis, taskId, tenantId: named }: Request<"tasks", "wait">
  ) {
    const tenantId = yield* reading(call, named)
    const owner = tenantId ?? (yield* find(undefined, taskId)).tenantId
    return yield* untilOver(taskKey(owner, taskId), millis, find(owner, taskId), ({ phase }) =>
      terminalPhases.has(phase)
    ).pipe(Effect.provideService(EventHub, hub))
  })

  /** With `wait`, the receipt contains the task when it has ended, or its current status when the time is over. */
  const submit = Effect.fnUntraced(function* (call: Call, { wait: millis = 0, ...task }: Request<"tasks", "submit">) {
    const [outcome] = yield* submitted(call, [task])
    const { lane, taskId } = outcome!
    const isKept = outcome!.outcome === "accepted" || outcome!.outcome === "duplicate"
    if (millis <= 0 || !isKept) return outcome!
    const tenantId = yield* acting(call, task.tenantId)
    const waited = yield* wait(call, { taskId, tenantId, millis })
    return { ...outcome!, lane, task: waited }
  })

  const get = Effect.fn("Tasks.get")(function* (call: Call, { taskId, tenantId }: TaskAddress) {
    const status = yield* find(yield* reading(call, tenantId), taskId)
    if (terminalPhases.has(status.phase) || status.phase === "running") return status
    const waitsFor = yield* gate.waitsFor(status.tenantId)
    if (waitsFor !== undefined) return { ...status, waitingFor: waitsFor }
    const why = yield* laneOf(laneEntityId(status.tenantId, status.lane))
      .Explain({ taskId }, { timeoutMillis: explainMillis })
      .pipe(Effect.orElseSucceed(() => ({ waitingFor: undefined })))
    return why.waitingFor === undefined ? status : { ...status, waitingFor: why.waitingFor }
  })

  const wholeResult = Effect.fn("Tasks.result")(function* (call: Call, { taskId, tenantId: named }: TaskAddress) {
    const { phase, result, tenantId } = yield* find(yield* reading(call, named), taskId)
    if (result === undefined) return yield* noResult(`task ${taskId}`, phase)
    return resultOf(outputs, `task ${taskId}`, result, (runKey) => ofTask(tenantId, taskId, runKey))
  })

  const list = Effect.fn("Tasks.list")(function* (
    call: Call,
    { after, limit, tenantId, ...filter }: Request<"tasks", "list">
  ) {
    const page = yield* reads.list({
      ...filter,
      after: yield* placeBy(fromPlaceToken, after),
      tenantId: yield* reading(call, tenantId),
      limit: limit ?? pageSize.fallback
    })
    return { ...page, items: yield* withReasons(page.items, laneOf, gate.waitsFor) }
  })

  const cancel = Effect.fn("Tasks.cancel")(function* (
    call: Call,
    { reason, taskId, tenantId: named }: Request<"tasks", "cancel">
  ) {
    const tenantId = yield* acting(call, named)
    const { lane } = yield* find(tenantId, taskId)
    return yield* laneOf(laneEntityId(tenantId, lane))
      .Cancel({ taskId, ...(reason === undefined ? {} : { reason }) }, optionsOf(call))
      .pipe(
        Effect.catchTag("NotFound", (absent) =>
          Effect.flatMap(find(tenantId, taskId), ({ phase }) =>
            Effect.fail(
              terminalPhases.has(phase)
                ? new Conflict({ message: `task ${taskId} has ended: it is ${phase}`, state: phase })
                : absent
            )
          )
        )
      )
  })

  const cancelMany = Effect.fn("Tasks.cancelWhere")(function* (call: Call, request: Request<"tasks", "cancelMany">) {
    const tenantId = yield* acting(call, request.tenantId)
    const command = { phases: request.phases, limit: request.limit ?? pageSize.most }
    const cancelIn = (lane: LaneName) => {
      const { CancelTasks, CancelWhere } = laneOf(laneEntityId(tenantId, lane))
      return cancelInLane(
        { cancelWhere: CancelWhere(command, optionsOf(call)), cancelTasks: (taskIds) => CancelTasks({ taskIds }) },
        reads,
        { ...command, tenantId, lane }
      )
    }
    if (request.lane !== undefined) return yield* cancelIn(request.lane)
    const { answers, unasked } = yield* everyLane(views, {
      tenantId,
      having: countsOf(request.phases),
      command: ({ lane }) => cancelIn(lane)
    })
    return answers.reduce(
      (sum, { cancelled, remaining }) => ({
        cancelled: sum.cancelled + cancelled,
        remaining: sum.remaining + remaining
      }),
      { cancelled: 0, remaining: unasked }
    )
  })

  const replayNamed = Effect.fnUntraced(function* (
    call: Call,
    tenantId: TenantId,
    lane: LaneName | undefined,
    taskIds: ReadonlyArray<TaskId>
  ) {
    const lanes = yield* reads.lanesOf(tenantId, taskIds)
    const missing = taskIds.find((taskId) => !lanes.has(taskId) || (lane !== undefined && lanes.get(taskId) !== lane))
    if (missing !== undefined) return yield* unknownTask(missing)
    const byLane = Object.entries(Array.groupBy(taskIds, (taskId) => lanes.get(taskId)!))
    const answers = yield* Effect.forEach(
      byLane,
      ([name, ids]) => laneOf(laneEntityId(tenantId, name as LaneName)).Replay({ taskIds: ids }, optionsOf(call)),
      { concurrency: 8 }
    )
    return { replayed: answers.flatMap(({ replayed }) => replayed), remaining: 0 }
  })

  /** Replays the oldest dead letters of a lane, and counts the ones that remain. */
  const replayOldest = Effect.fnUntraced(function* (call: Call, { deadLettered, lane, tenantId }: LaneStatus) {
    const { replayed } = yield* laneOf(laneEntityId(tenantId, lane)).Replay({ taskIds: [] }, optionsOf(call))
    return { replayed, remaining: Math.max(0, deadLettered - replayed.length) }
  })

  const replay = Effect.fn("Tasks.replay")(function* (call: Call, request: Request<"tasks", "replay">) {
    const tenantId = yield* acting(call, request.tenantId)
    const { lane, taskIds } = request
    if (taskIds !== undefined) return yield* replayNamed(call, tenantId, lane, taskIds)
    if (lane !== undefined) {
      return yield* replayOldest(call, yield* asRead(laneOf(laneEntityId(tenantId, lane)).LaneGet()))
    }
    const { answers, unasked } = yield* everyLane(views, {
      tenantId,
      having: ["deadLettered"],
      command: (status) => replayOldest(call, status),
      isEnough: (sofar) => sofar.reduce((sum, { replayed }) => sum + replayed.length, 0) >= replayedMost
    })
    return {
      replayed: answers.flatMap(({ replayed }) => replayed),
      remaining: answers.reduce((sum, { remaining }) => sum + remaining, unasked)
    }
  })

  const events = Effect.fn("Tasks.events")(function* (
    call: Call,
    { after, limit, taskId, tenantId: named }: Request<"tasks", "events">
  ) {
    const task = yield* find(yield* reading(call, named), taskId)
    if (after !== undefined) yield* feed.check(after, "after")
    return yield* reads.events(task, { after, limit: limit ?? pageSize.fallback })
  })

  return Tasks.of({
    submit,
    submitMany: (call, { tasks }) => Effect.map(submitted(call, tasks), (outcomes) => ({ tasks: outcomes })),
    get,
    result: (call, { from = 0, ...task }) => Effect.flatMap(wholeResult(call, task), ({ read }) => read(from)),
    wholeResult,
    list,
    cancel,
    cancelMany,
    replay,
    events,
    wait
  })
})

export class Tasks extends Context.Service<
  Tasks,
  UseCases<"tasks"> & {
    /** The result of a task, to be read as a whole. Also fails with `NotFound` while the task has not completed. */
    readonly wholeResult: (call: Call, task: TaskAddress) => Effect.Effect<Result, NotFound | ActorUnavailable>
  }
>()("clawster/gateway/Tasks") {
  static readonly layer: Layer.Layer<
    Tasks,
    never,
    Sharding.Sharding | TaskReads | ViewReads | Feed | EventHub | Outputs | TenantGate
  > = Layer.effect(
    Tasks,
    Effect.suspend(() => make)
  )
}
