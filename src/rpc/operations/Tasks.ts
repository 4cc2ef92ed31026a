/** Tasks: units of work for some OpenClaw gateway. */
import { Schema } from "effect"
import { Cursor, FeedEvent } from "../../schema/feed/Feed.ts"
import { TaskId } from "../../schema/Ids.ts"
import { OutputPart } from "../../schema/runs/Output.ts"
import { pageQuery } from "../../schema/lists/Page.ts"
import { TaskPhase, TaskStatus, TaskSubmission } from "../../schema/Task.ts"
import { taskFilter } from "../../schema/lists/TaskFilter.ts"
import { list as listOf } from "../../schema/text/Bounds.ts"
import { action } from "../Authentication.ts"
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
  WaitMillis,
  waitMost
} from "../Requests.ts"
import { list, page, partPlace, plainText, tenant } from "./Fields.ts"
import { change, noun, read, restOnly, wait } from "./Operation.ts"
import { eventRead } from "./System.ts"

const may = { read: action("task:read", "tenant"), write: action("task:write", "tenant") }

const Task = TaskStatus.annotate({ identifier: "Task", description: "A task as it is now." })
const Submission = TaskSubmission.annotate({
  identifier: "TaskSubmission",
  description: "What is to be done, and how."
})
const task = { taskId: TaskId, ...tenant }

export const Tasks = noun("Tasks", "Units of work for some OpenClaw gateway.", {
  /** REST only: the typed client submits lists, and waits by `WaitTask`. */
  submit: restOnly(
    change("SubmitTask", {
      action: may.write,
      summary: "Submit a task",
      description:
        "Accepted means durable: the task ends completed, failed, cancelled or dead-lettered, exactly one of them. With `wait` the answer waits for the end.",
      payload: { ...TaskSubmission.fields, wait: Schema.optionalKey(WaitMillis) },
      success: SubmitReceipt,
      rest: { method: "POST", path: "/tasks", status: 202, body: Submission }
    })
  ),
  /**
   * `Conflict`: an id chosen by the caller belongs to another task. Then nothing of the request was stored, unless a
   * concurrent request was first with that id, in which case the message says how many other tasks were accepted. After
   * any other failure except `ActorUnavailable`, nothing was stored.
   */
  submitMany: change("SubmitTasks", {
    action: may.write,
    summary: "Submit up to 1,000 tasks",
    description: "All go to one lane of one tenant and are accepted together, or none is. The body may have 8 MiB.",
    payload: SubmitTasks.fields,
    success: SubmitReceipts,
    rest: { method: "POST", path: "/tasks/bulk", status: 202, body: SubmitTasks },
    cli: "task submit"
  }),
  cancelMany: change("CancelTasks", {
    action: may.write,
    summary: "Cancel tasks by filter",
    description: "One command. Call again until `remaining` is 0.",
    payload: CancelTasks.fields,
    success: CancelledTasks,
    rest: { method: "POST", path: "/tasks/cancel", status: 202, body: CancelTasks },
    cli: "task cancel"
  }),
  replay: change("ReplayTasks", {
    action: may.write,
    summary: "Replay dead letters",
    description: "Puts dead-lettered tasks back with a fresh budget. Call again until `remaining` is 0.",
    payload: ReplayTasks.fields,
    success: ReplayedTasks,
    rest: { method: "POST", path: "/tasks/replay", status: 202, body: ReplayTasks },
    cli: "task replay"
  }),
  list: read("ListTasks", {
    action: may.read,
    summary: "List tasks",
    description:
      "All that is asked for must hold. Newest first by submission, or by end when `endedFrom` or `endedTo` is given. A result is shown by its beginning (`isPreview`), and a task that waits says for what. A page may be short, or empty, and still have a `next`: go on from there.",
    payload: { ...list, ...taskFilter, phases: Schema.optionalKey(listOf(TaskPhase, phasesMost)) },
    success: page(Task, "TaskPage"),
    rest: { method: "GET", path: "/tasks", renamed: { phases: "phase" } },
    cli: "task list"
  }),
  get: read("GetTask", {
    action: may.read,
    summary: "Get a task",
    description: "Its phase, its result when it has one, and what it waits for.",
    payload: task,
    success: Task,
    rest: { method: "GET", path: "/tasks/:taskId" },
    cli: "task get"
  }),
  /** Fails with `NotFound` also while the task has not completed. */
  result: read("TaskResult", {
    action: may.read,
    summary: "Get a task's result",
    description: "The whole text, as the model gave it, however long; a task shows only the beginning of a long one.",
    payload: { ...task, from: partPlace },
    success: OutputPart,
    rest: { method: "GET", path: "/tasks/:taskId/result", omitted: ["from"], text: plainText },
    cli: "task result"
  }),
  wait: wait("WaitTask", {
    action: may.read,
    summary: "Wait for a task",
    description: "Answers when it has ended, or as it is when the time is over.",
    payload: { ...task, millis: WaitMillis },
    success: Task,
    rest: { method: "GET", path: "/tasks/:taskId/wait", absent: { millis: waitMost } },
    cli: "task wait"
  }),
  events: read("TaskEvents", {
    action: eventRead,
    summary: "List a task's events",
    description:
      "Oldest first, as far back as history is kept. A page may be empty and still have a `next`: go on from there. Where events after `after` are no longer kept, the first item is a `feed.gap`. A position that this cluster never gave is refused with 400.",
    payload: { ...task, after: Schema.optionalKey(Cursor), limit: pageQuery.limit },
    success: page(FeedEvent, "EventPage"),
    rest: { method: "GET", path: "/tasks/:taskId/events" },
    cli: "task events"
  }),
  /** Fails with `Conflict` when the task has already ended. */
  cancel: change("CancelTask", {
    action: may.write,
    summary: "Cancel a task, with a reason",
    description:
      "A waiting task ends at once. A running one is stopped at its instance; if it completes first, it has completed.",
    payload: { ...CancelTask.fields, ...task },
    success: CancelledTask,
    rest: [
      {
        method: "DELETE",
        path: "/tasks/:taskId",
        id: "delete",
        summary: "Cancel a task",
        description: "The same as the cancel endpoint, without a reason.",
        status: 202,
        omitted: ["reason"]
      },
      { method: "POST", path: "/tasks/:taskId/cancel", status: 202, body: CancelTask }
    ],
    cli: "task cancel"
  })
})
