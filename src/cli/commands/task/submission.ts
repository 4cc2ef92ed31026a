/** A task as the flags of a command say it. */
import { Effect } from "effect"
import { type Command, Flag } from "effect/cli"
import { InstanceId, SessionId, TaskId, WorkspaceId } from "../../../schema/Ids.ts"
import { PriorityInput, RoutingPolicy, type TaskSubmission } from "../../../schema/Task.ts"
import * as Input from "../../Input.ts"
import { Tenant } from "../../GlobalFlags.ts"
import { lane } from "./address.ts"

export const submission = {
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
    Flag.withDescription("Session in which it runs, in order with its turns; created when it does not exist")
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

export type Flags = Command.Command.Config.Infer<typeof submission>

export const submissionOf = Effect.fnUntraced(function* (flags: Flags, message: string) {
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
