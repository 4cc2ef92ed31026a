import { Array, Console, Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { bulkMost, waitMost } from "../../rpc/Requests.ts"
import type { Cursor } from "../../schema/feed/Feed.ts"
import { InstanceId, LaneName, SessionId, TaskId, type TenantId, WorkspaceId } from "../../schema/Ids.ts"
import {
  PriorityInput,
  RoutingPolicy,
  TaskPhase,
  type TaskStatus,
  TaskSubmission,
  terminalPhases
} from "../../schema/Task.ts"
import { Api } from "../api/Api.ts"
import { EndedBadly } from "../CommandFailed.ts"
import { follow, followTask, printEvent } from "../api/Follow.ts"
import * as Input from "../Input.ts"
import { age, colourOf, show, showFields, showPage, span, time, type View } from "../Print.ts"
import { Json, Tenant } from "../Settings.ts"
import type { Field } from "../Table.ts"
import { output, writeWhole } from "../Whole.ts"

const taskId = Argument.String("task").pipe(Argument.withSchema(TaskId), Argument.withDescription("Task id"))
const lane = Flag.String("lane").pipe(
  Flag.withSchema(LaneName),
  Flag.optional,
  Flag.withDescription("Lane; default when absent")
)
const tenantId = Effect.map(Tenant, Option.getOrUndefined)

const entries = (task: TaskStatus, { now }: View): ReadonlyArray<Field> => [
  ["task", task.taskId],
  ["phase", task.phase, colourOf(task.phase)],
  ["tenant", task.tenantId],
  ["lane", task.lane],
  ["priority", task.priority],
  ["attempt", `${task.attempt} of ${task.maxAttempts}`],
  ["instance", task.instanceId],
  ["chosen because", task.routedBecause],
  ["waiting for", task.waitingFor],
  ["submitted", time(task.submittedAt)],
  ["not before", time(task.notBefore)],
  ["deadline", time(task.deadlineAt)],
  ["started", time(task.startedAt)],
  ["took", span(task.startedAt === undefined ? undefined : (task.endedAt ?? now) - task.startedAt)],
  ["tokens", task.result?.usage?.totalTokens],
  ["error", task.error === undefined ? undefined : `${task.error.message} (${task.error.code})`],
  ["result", task.result?.text]
]

const showTask = (task: TaskStatus) => showFields(task, entries)

/** A task that ended without completing is a failure of the command. */
const showEnd = Effect.fnUntraced(function* (task: TaskStatus) {
  yield* showTask(task)
  if (terminalPhases.has(task.phase) && task.phase !== "completed") {
    return yield* new EndedBadly({ message: `task ${task.taskId} ended ${task.phase}` })
  }
})

const watchToEnd = Effect.fnUntraced(function* (id: TaskId, owner: TenantId | undefined, after: Cursor) {
  const api = yield* Api
  yield* followTask(id, after)
  const task = yield* api.tasks.get({ taskId: id, tenantId: owner })
  if (!(yield* Json)) return yield* showEnd(task)
  yield* Console.log(JSON.stringify(task))
  if (task.phase !== "completed") return yield* new EndedBadly({ message: `task ${id} ended ${task.phase}` })
})

const submission = {
  lane,
  priority: Flag.Literals("priority", PriorityInput.literals).pipe(
    Flag.optional,
    Flag.withDescription("normal when absent")
  ),
  id: Flag.String("id").pipe(
    Flag.withSchema(TaskId),
    Flag.optional,
    Flag.withDescription("Task id; drawn when absent")
  ),
  session: Flag.String("session").pipe(
    Flag.withSchema(SessionId),
    Flag.optional,
    Flag.withDescription("Session whose gateway history it continues")
  ),
  workspace: Flag.String("workspace").pipe(
    Flag.withSchema(WorkspaceId),
    Flag.optional,
    Flag.withDescription("Workspace")
  ),
  model: Flag.String("model").pipe(Flag.optional, Flag.withDescription("Model to use")),
  thinking: Flag.String("thinking").pipe(Flag.optional, Flag.withDescription("Thinking level")),
  policy: Flag.Literals("policy", RoutingPolicy.literals).pipe(Flag.optional, Flag.withDescription("Routing policy")),
  instance: Flag.String("instance").pipe(
    Flag.withSchema(InstanceId),
    Flag.optional,
    Flag.withDescription("Only this instance")
  ),
  region: Flag.String("region").pipe(Flag.optional, Flag.withDescription("Region to prefer")),
  regionRequired: Flag.Boolean("region-required").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Only in --region")
  ),
  require: Input.list("require", "Capability the instance must have; may be repeated"),
  timeout: Input.duration("timeout", "Limit of one attempt").pipe(Flag.optional),
  retries: Flag.Int("retries").pipe(Flag.optional, Flag.withDescription("Attempts after the first, 0 to 19")),
  deadline: Input.when("deadline", "Fails if it has not started by then"),
  notBefore: Input.when("not-before", "Starts no earlier")
}

const submit = Command.make(
  "submit",
  {
    ...submission,
    message: Input.message.pipe(Argument.optional),
    file: Flag.String("file").pipe(
      Flag.optional,
      Flag.withDescription("Many tasks: a JSON submission a line, or a message a line; - is standard input")
    ),
    key: Input.idempotencyKey,
    wait: Input.wait,
    watch: Input.watch
  },
  Effect.fnUntraced(function* (flags) {
    if (Option.isSome(flags.file)) return yield* submitFile(flags, flags.file.value)
    if (Option.isNone(flags.message)) return yield* new Input.BadInput({ message: "expected a message, or --file" })
    const api = yield* Api
    const owner = yield* tenantId
    const task = yield* submissionOf(flags, yield* Input.textOf(flags.message.value))
    const before = flags.watch ? yield* api.position : undefined
    const receipts = yield* api.tasks.submit([task], { idempotencyKey: Option.getOrUndefined(flags.key) })
    const receipt = receipts.tasks[0]!
    if (receipt.outcome === "dropped") {
      return yield* new EndedBadly({ message: `lane ${receipt.lane} is full and dropped the task` })
    }
    if (before !== undefined) return yield* watchToEnd(receipt.taskId, owner, before)
    if (Option.isSome(flags.wait)) return yield* awaitEnd(receipt.taskId, owner, flags.wait.value)
    yield* show(receipt, ({ lane, outcome, taskId }) => `${taskId} ${outcome} in lane ${lane}`)
  })
).pipe(
  Command.withDescription("Submit a task, or many; it is durable when this says so"),
  Command.withExamples([
    {
      command: 'clawster task submit "Summarise the release notes" --watch',
      description: "Submit and follow it to its end"
    },
    { command: "clawster task submit --file tasks.ndjson --lane nightly", description: "Submit many" }
  ])
)

type Flags = Command.Command.Config.Infer<typeof submission>

const submissionOf = Effect.fnUntraced(function* (flags: Flags, message: string) {
  const hints = Input.given({
    policy: flags.policy,
    preferredRegion: flags.region,
    regionRequired: flags.regionRequired ? true : undefined,
    requiredCapabilities: Input.listed(flags.require),
    model: flags.model,
    instanceId: flags.instance
  })
  return {
    payload: { message, ...Input.given({ model: flags.model, thinking: flags.thinking }) },
    ...(Object.keys(hints).length === 0 ? {} : { hints }),
    ...Input.given({
      taskId: flags.id,
      tenantId: yield* Tenant,
      lane: flags.lane,
      sessionId: flags.session,
      workspaceId: flags.workspace,
      priority: flags.priority,
      timeoutMillis: flags.timeout,
      maxRetries: flags.retries,
      deadlineAt: yield* Input.resolveWhen(flags.deadline),
      notBefore: yield* Input.resolveWhen(flags.notBefore)
    })
  } satisfies TaskSubmission
})

/**
 * A line that does not begin with `{` is a message. The flags apply to top-level fields, and to `model` and
 * `thinking` of the payload, that a JSON line does not set. The hints name the model that the payload does.
 */
const submitFile = Effect.fnUntraced(function* (flags: Flags & { readonly key: Option.Option<string> }, path: string) {
  const api = yield* Api
  const lines = (yield* Input.fileText(path))
    .split("\n")
    .map((line, at) => ({ at: at + 1, text: line.trim() }))
    .filter(({ text }) => text !== "")
  const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(TaskSubmission))
  const tasks = yield* Effect.forEach(lines, ({ at, text }) =>
    Effect.gen(function* () {
      if (!text.startsWith("{")) return yield* submissionOf(flags, text)
      const line = yield* decode(text, { onExcessProperty: "error" }).pipe(
        Effect.mapError((error) => new Input.BadInput({ message: `${path}, line ${at}: ${error.message}` }))
      )
      const model = Option.map(flags.model, (given) => line.payload.model ?? given)
      const { payload, ...defaults } = yield* submissionOf({ ...flags, model }, line.payload.message)
      return { ...defaults, ...line, payload: { ...payload, ...line.payload } }
    })
  )
  if (tasks.length === 0) return yield* new Input.BadInput({ message: `${path} has no tasks` })
  const outcomes = []
  for (let from = 0; from < tasks.length; from += bulkMost) {
    const idempotencyKey = Option.getOrUndefined(
      Option.map(flags.key, (key) => (from === 0 ? key : `${key}.${from / bulkMost}`))
    )
    outcomes.push(...(yield* api.tasks.submit(tasks.slice(from, from + bulkMost), { idempotencyKey })).tasks)
  }
  yield* show({ tasks: outcomes }, ({ tasks }) => {
    const counts = Array.groupBy(tasks, ({ outcome }) => outcome)
    return Object.entries(counts)
      .map(([outcome, of]) => `${of.length} ${outcome}`)
      .join(", ")
  })
})

const get = Command.make(
  "get",
  { task: taskId, watch: Input.watch },
  Effect.fnUntraced(function* ({ task, watch }) {
    const api = yield* Api
    const owner = yield* tenantId
    if (!watch) return yield* showTask(yield* api.tasks.get({ taskId: task, tenantId: owner }))
    const seen = yield* api.tasks.get({ taskId: task, tenantId: owner })
    const position = yield* printPast(task, owner)
    if (terminalPhases.has(seen.phase)) return yield* showEnd(seen)
    yield* watchToEnd(task, owner, position)
  })
).pipe(Command.withDescription("Show a task: where it is, why there, or what it waits for"))

const result = Command.make(
  "result",
  { task: taskId, output },
  Effect.fnUntraced(function* ({ output, task }) {
    const api = yield* Api
    const owner = yield* tenantId
    yield* writeWhole(output, (from) => api.tasks.result({ taskId: task, tenantId: owner, from }))
  })
).pipe(Command.withDescription("Print the whole result of a task, or write it to a file"))

/** Prints all events so far and returns the position from which to continue. */
const printPast = Effect.fnUntraced(function* (task: TaskId, owner: TenantId | undefined) {
  const api = yield* Api
  let page = yield* api.tasks.events({ taskId: task, tenantId: owner, limit: 1_000 })
  for (const event of page.items) yield* printEvent(event)
  while (page.next !== undefined) {
    page = yield* api.tasks.events({ taskId: task, tenantId: owner, after: page.next as Cursor, limit: 1_000 })
    for (const event of page.items) yield* printEvent(event)
  }
  return page.position
})

/**
 * Filters of a list. `--since` and `--until` apply to the submission, `--ended-since` and `--ended-until` to the end.
 */
const narrowing = {
  lane: Flag.String("lane").pipe(Flag.withSchema(LaneName), Flag.optional, Flag.withDescription("Only of this lane")),
  phase: Flag.Literals("phase", TaskPhase.literals).pipe(Flag.atLeast(0), Flag.withDescription("May be repeated")),
  instance: Flag.String("instance").pipe(
    Flag.withSchema(InstanceId),
    Flag.optional,
    Flag.withDescription("Only those whose latest attempt is or was there")
  ),
  error: Flag.String("error").pipe(
    Flag.optional,
    Flag.withDescription("Only with this error code, such as AttemptTimeout")
  ),
  session: Flag.String("session").pipe(
    Flag.withSchema(SessionId),
    Flag.optional,
    Flag.withDescription("Only of this session")
  ),
  workspace: Flag.String("workspace").pipe(
    Flag.withSchema(WorkspaceId),
    Flag.optional,
    Flag.withDescription("Only of this workspace")
  ),
  since: Input.past("since", "Only submitted since then"),
  until: Input.past("until", "Only submitted before then"),
  endedSince: Input.past("ended-since", "Only ended since then, in the order of the ends"),
  endedUntil: Input.past("ended-until", "Only ended before then, in the order of the ends"),
  oldest: Flag.Boolean("oldest").pipe(Flag.withDefault(false), Flag.withDescription("Oldest first"))
}

const filterOf = Effect.fnUntraced(function* (flags: Command.Command.Config.Infer<typeof narrowing>) {
  return Input.given({
    lane: flags.lane,
    phases: Input.listed(flags.phase),
    instanceId: flags.instance,
    errorCode: flags.error,
    sessionId: flags.session,
    workspaceId: flags.workspace,
    submittedFrom: yield* Input.resolvePast(flags.since),
    submittedTo: yield* Input.resolvePast(flags.until),
    endedFrom: yield* Input.resolvePast(flags.endedSince),
    endedTo: yield* Input.resolvePast(flags.endedUntil),
    order: flags.oldest ? ("oldest" as const) : undefined
  })
})

const list = Command.make(
  "list",
  { ...narrowing, limit: Input.limit, after: Input.after, watch: Input.watch },
  Effect.fnUntraced(function* ({ after, limit, watch, ...flags }) {
    const api = yield* Api
    const { lane } = flags
    const page = yield* api.tasks.list({
      ...(yield* filterOf(flags)),
      tenantId: yield* tenantId,
      limit,
      after: Option.getOrUndefined(after)
    })
    yield* showPage(page, "tasks", ({ now }) => [
      { title: "TASK", value: ({ taskId }) => taskId },
      { title: "PHASE", value: ({ phase }) => phase, colour: ({ phase }) => colourOf(phase) },
      { title: "PRIORITY", value: ({ priority }) => priority },
      { title: "TENANT", value: ({ tenantId }) => tenantId },
      { title: "LANE", value: ({ lane }) => lane },
      { title: "TRY", value: ({ attempt, maxAttempts }) => `${attempt}/${maxAttempts}` },
      { title: "INSTANCE", value: ({ instanceId }) => instanceId },
      { title: "AGE", value: ({ submittedAt }) => age(submittedAt, now) },
      { title: "NOTE", value: ({ error, waitingFor }) => error?.message ?? waitingFor }
    ])
    if (!watch) return
    yield* follow({
      after: page.position,
      wanted: ({ payload, type }) => type.startsWith("task.") && (Option.isNone(lane) || payload.lane === lane.value)
    })
  })
).pipe(
  Command.withDescription("List tasks, newest first"),
  Command.withExamples([
    {
      command: "clawster task list --phase failed --phase dead_lettered --ended-since 8h",
      description: "What went wrong tonight"
    },
    {
      command: "clawster task list --instance i7 --error AttemptTimeout",
      description: "What timed out on one instance"
    }
  ])
)

const cancellable = ["pending", "scheduled", "retrying", "running"] as const

const cancel = Command.make(
  "cancel",
  {
    tasks: Argument.String("task").pipe(
      Argument.withSchema(TaskId),
      Argument.variadic(),
      Argument.withDescription("Task ids")
    ),
    reason: Flag.String("reason").pipe(Flag.optional, Flag.withDescription("Kept with the task")),
    all: Flag.Boolean("all").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Every waiting and running task, of --lane if given")
    ),
    lane
  },
  Effect.fnUntraced(function* ({ all, lane, reason, tasks }) {
    const api = yield* Api
    const owner = yield* tenantId
    if (all === tasks.length > 0) return yield* new Input.BadInput({ message: "expected task ids, or --all" })
    if (!all) {
      const cancelled = yield* Effect.forEach(tasks, (task) =>
        api.tasks.cancel({ taskId: task, tenantId: owner, reason: Option.getOrUndefined(reason) })
      )
      return yield* show({ tasks: cancelled }, (shown) =>
        shown.tasks.map(({ phase, taskId }) => `${taskId} ${phase}`).join("\n")
      )
    }
    const request = { phases: cancellable, limit: 1_000, ...Input.given({ tenantId: owner, lane }) }
    let total = 0
    let answer = yield* api.tasks.cancelMany(request)
    total += answer.cancelled
    while (answer.remaining > 0 && answer.cancelled > 0) {
      answer = yield* api.tasks.cancelMany(request)
      total += answer.cancelled
    }
    yield* show(
      { cancelled: total, remaining: answer.remaining },
      (shown) => `${shown.cancelled} cancelled, ${shown.remaining} left`
    )
  })
).pipe(Command.withDescription("Cancel tasks: waiting ones end at once, running ones are aborted"))

const events = Command.make(
  "events",
  { task: taskId, watch: Input.watch },
  Effect.fnUntraced(function* ({ task, watch }) {
    const api = yield* Api
    const owner = yield* tenantId
    const position = yield* printPast(task, owner)
    if (!watch || terminalPhases.has((yield* api.tasks.get({ taskId: task, tenantId: owner })).phase)) return
    yield* followTask(task, position)
  })
).pipe(Command.withDescription("Show what happened to a task, oldest first"))

const awaitEnd = Effect.fnUntraced(function* (task: TaskId, owner: TenantId | undefined, millis: number) {
  const api = yield* Api
  let left = millis
  let status = yield* api.tasks.wait({ taskId: task, tenantId: owner, millis: Math.min(left, waitMost) })
  while (!terminalPhases.has(status.phase) && (left -= waitMost) > 0) {
    status = yield* api.tasks.wait({ taskId: task, tenantId: owner, millis: Math.min(left, waitMost) })
  }
  yield* showEnd(status)
  if (!terminalPhases.has(status.phase)) {
    return yield* new EndedBadly({ message: `task ${task} is still ${status.phase} after ${span(millis)}` })
  }
})

const wait = Command.make(
  "wait",
  { task: taskId, timeout: Input.duration("timeout", "How long, 5m when absent").pipe(Flag.withDefault(300_000)) },
  Effect.fnUntraced(function* ({ task, timeout }) {
    yield* awaitEnd(task, yield* tenantId, timeout)
  })
).pipe(Command.withDescription("Wait until a task has ended; exit code 1 unless it completed"))

const replay = Command.make(
  "replay",
  {
    tasks: Argument.String("task").pipe(
      Argument.withSchema(TaskId),
      Argument.variadic(),
      Argument.withDescription("Task ids")
    ),
    all: Flag.Boolean("all").pipe(
      Flag.withDefault(false),
      Flag.withDescription("The oldest 1,000 dead letters of --lane, or of each lane")
    ),
    lane
  },
  Effect.fnUntraced(function* ({ all, lane, tasks }) {
    const api = yield* Api
    if (all === tasks.length > 0) return yield* new Input.BadInput({ message: "expected task ids, or --all" })
    const answer = yield* api.tasks.replay(
      Input.given({ tenantId: yield* tenantId, lane, taskIds: Input.listed(tasks) })
    )
    yield* show(answer, ({ remaining = 0, replayed }) => {
      if (replayed.length + remaining === 0) return "nothing to replay"
      return [...replayed.map((id) => `${id} replayed`), ...(remaining > 0 ? [`${remaining} left`] : [])].join("\n")
    })
  })
).pipe(Command.withDescription("Put dead-lettered tasks back with a fresh budget"))

export const task = Command.make("task").pipe(
  Command.withDescription("Submit tasks and see what becomes of them"),
  Command.withSubcommands([submit, get, result, list, cancel, events, wait, replay])
)
