import { Array, Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { bulkMost } from "../../../rpc/Requests.ts"
import { TaskSubmission } from "../../../schema/Task.ts"
import { Api } from "../../api/Api.ts"
import { CommandFailed } from "../../CommandFailed.ts"
import * as Input from "../../Input.ts"
import { show } from "../../Print.ts"
import { tenantId } from "./address.ts"
import { awaitEnd, watchToEnd } from "./follow.ts"
import { type Flags, submission, submissionOf } from "./submission.ts"

export const submit = Command.make(
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
    const before = flags.watch ? (yield* api.system.position({})).position : undefined
    const receipts = yield* api.tasks.submitMany(
      { tasks: [task] },
      { idempotencyKey: Option.getOrUndefined(flags.key) }
    )
    const receipt = receipts.tasks[0]!
    if (receipt.outcome === "dropped") {
      return yield* new CommandFailed({ message: `lane ${receipt.lane} is full and dropped the task` })
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
    outcomes.push(
      ...(yield* api.tasks.submitMany({ tasks: tasks.slice(from, from + bulkMost) }, { idempotencyKey })).tasks
    )
  }
  yield* show({ tasks: outcomes }, ({ tasks }) => {
    const counts = Array.groupBy(tasks, ({ outcome }) => outcome)
    return Object.entries(counts)
      .map(([outcome, of]) => `${of.length} ${outcome}`)
      .join(", ")
  })
})
