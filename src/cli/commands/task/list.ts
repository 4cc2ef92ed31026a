import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { InstanceId, LaneName, SessionId, WorkspaceId } from "../../../schema/Ids.ts"
import { TaskPhase } from "../../../schema/Task.ts"
import { Api } from "../../api/Api.ts"
import { follow } from "../../api/Follow.ts"
import * as Input from "../../Input.ts"
import { age, colourOf, showPage } from "../../Print.ts"
import { tenantId } from "./address.ts"

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

export const list = Command.make(
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
