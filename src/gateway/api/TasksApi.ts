import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import {
  CancelledTask,
  CancelledTasks,
  CancelTask,
  CancelTasks,
  phasesMost,
  ReplayedTasks,
  ReplayTasks,
  SubmitReceipt,
  SubmitReceipts,
  SubmitTasks,
  WaitMillis
} from "../../rpc/Requests.ts"
import { list as listOf } from "../../schema/text/Bounds.ts"
import { Cursor, FeedEvent } from "../../schema/feed/Feed.ts"
import { TaskId } from "../../schema/Ids.ts"
import { pageOf, pageQuery } from "../../schema/Page.ts"
import { TaskPhase, TaskStatus, TaskSubmission } from "../../schema/Task.ts"
import { taskFilter } from "../../schema/TaskFilter.ts"
import { keyHeader, listQuery, resultText, tenantQuery } from "./Common.ts"
import { Authenticate, Authorise, endpoint } from "./HttpAuthentication.ts"
import { changeProblems, readProblems } from "./Problem.ts"

const Task = TaskStatus.annotate({ identifier: "Task", description: "A task as it is now." })
const Submission = TaskSubmission.annotate({
  identifier: "TaskSubmission",
  description: "What is to be done, and how."
})
const params = { taskId: TaskId }

const submit = HttpApiEndpoint.post("submit", "/tasks", {
  headers: keyHeader,
  query: { wait: Schema.optionalKey(WaitMillis) },
  payload: Submission,
  success: SubmitReceipt.pipe(HttpApiSchema.status(202)),
  error: changeProblems
}).annotateMerge(
  endpoint(
    "task:write",
    "Submit a task",
    "Accepted means durable: the task ends completed, failed, cancelled or dead-lettered, exactly one of them. With `wait` the answer waits for the end."
  )
)

const submitMany = HttpApiEndpoint.post("submitMany", "/tasks/bulk", {
  headers: keyHeader,
  payload: SubmitTasks,
  success: SubmitReceipts.pipe(HttpApiSchema.status(202)),
  error: changeProblems
}).annotateMerge(
  endpoint(
    "task:write",
    "Submit up to 1,000 tasks",
    "All go to one lane of one tenant and are accepted together, or none is. The body may have 8 MiB."
  )
)

const list = HttpApiEndpoint.get("list", "/tasks", {
  query: {
    ...listQuery,
    ...taskFilter,
    phase: Schema.optionalKey(listOf(TaskPhase, phasesMost).annotate({ description: "May be given more than once." }))
  },
  success: pageOf(Task).annotate({ identifier: "TaskPage" }),
  error: readProblems
}).annotateMerge(
  endpoint(
    "task:read",
    "List tasks",
    "All that is asked for must hold. Newest first by submission, or by end when `endedFrom` or `endedTo` is given. A result is shown by its beginning (`isPreview`), and a task that waits says for what. A page may be short, or empty, and still have a `next`: go on from there."
  )
)

const get = HttpApiEndpoint.get("get", "/tasks/:taskId", {
  params,
  query: tenantQuery,
  success: Task,
  error: readProblems
}).annotateMerge(endpoint("task:read", "Get a task", "Its phase, its result when it has one, and what it waits for."))

const result = HttpApiEndpoint.get("result", "/tasks/:taskId/result", {
  params,
  query: tenantQuery,
  success: resultText,
  error: readProblems
}).annotateMerge(
  endpoint(
    "task:read",
    "Get a task's result",
    "The whole text, as the model gave it, however long; a task shows only the beginning of a long one."
  )
)

const wait = HttpApiEndpoint.get("wait", "/tasks/:taskId/wait", {
  params,
  query: { ...tenantQuery, millis: Schema.optionalKey(WaitMillis) },
  success: Task,
  error: readProblems
}).annotateMerge(
  endpoint("task:read", "Wait for a task", "Answers when it has ended, or as it is when the time is over.")
)

const events = HttpApiEndpoint.get("events", "/tasks/:taskId/events", {
  params,
  query: { ...tenantQuery, after: Schema.optionalKey(Cursor), limit: pageQuery.limit },
  success: pageOf(FeedEvent).annotate({ identifier: "EventPage" }),
  error: readProblems
}).annotateMerge(
  endpoint(
    "event:read",
    "List a task's events",
    "Oldest first, as far back as history is kept. A page may be empty and still have a `next`: go on from there. Where events after `after` are no longer kept, the first item is a `feed.gap`. A position that this cluster never gave is refused with 400."
  )
)

const remove = HttpApiEndpoint.delete("delete", "/tasks/:taskId", {
  params,
  headers: keyHeader,
  query: tenantQuery,
  success: CancelledTask.pipe(HttpApiSchema.status(202)),
  error: changeProblems
}).annotateMerge(endpoint("task:write", "Cancel a task", "The same as the cancel endpoint, without a reason."))

const cancel = HttpApiEndpoint.post("cancel", "/tasks/:taskId/cancel", {
  params,
  headers: keyHeader,
  payload: CancelTask,
  success: CancelledTask.pipe(HttpApiSchema.status(202)),
  error: changeProblems
}).annotateMerge(
  endpoint(
    "task:write",
    "Cancel a task, with a reason",
    "A waiting task ends at once. A running one is stopped at its instance; if it completes first, it has completed."
  )
)

const cancelMany = HttpApiEndpoint.post("cancelMany", "/tasks/cancel", {
  headers: keyHeader,
  payload: CancelTasks,
  success: CancelledTasks.pipe(HttpApiSchema.status(202)),
  error: changeProblems
}).annotateMerge(endpoint("task:write", "Cancel tasks by filter", "One command. Call again until `remaining` is 0."))

const replay = HttpApiEndpoint.post("replay", "/tasks/replay", {
  headers: keyHeader,
  payload: ReplayTasks,
  success: ReplayedTasks.pipe(HttpApiSchema.status(202)),
  error: changeProblems
}).annotateMerge(
  endpoint(
    "task:write",
    "Replay dead letters",
    "Puts dead-lettered tasks back with a fresh budget. Call again until `remaining` is 0."
  )
)

export class TasksApi extends HttpApiGroup.make("tasks")
  .add(submit, submitMany, cancelMany, replay, list, get, result, wait, events, remove, cancel)
  .middleware(Authorise)
  .middleware(Authenticate)
  .annotateMerge(OpenApi.annotations({ title: "Tasks", description: "Units of work for some OpenClaw gateway." })) {}
