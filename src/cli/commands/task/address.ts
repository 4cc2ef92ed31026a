/** How every command of tasks names a task, a lane and a tenant. */
import { Effect, Option } from "effect"
import { Argument, Flag } from "effect/cli"
import { LaneName, TaskId } from "../../../schema/Ids.ts"
import { Tenant } from "../../GlobalFlags.ts"

export const taskId = Argument.String("task").pipe(Argument.withSchema(TaskId), Argument.withDescription("Task id"))
export const taskIds = Argument.String("task").pipe(
  Argument.withSchema(TaskId),
  Argument.variadic(),
  Argument.withDescription("Task ids")
)
export const lane = Flag.String("lane").pipe(
  Flag.withSchema(LaneName),
  Flag.optional,
  Flag.withDescription("Lane; default when absent")
)
export const tenantId = Effect.map(Tenant, Option.getOrUndefined)
