/** What `register` and `update` say alike: the work that an instance takes. */
import type { Option } from "effect"
import { Flag } from "effect/cli"
import * as Input from "../../Input.ts"

export const limits = {
  maxTasks: Flag.Int("max-tasks").pipe(Flag.optional, Flag.withDescription("Tasks at once")),
  maxSessions: Flag.Int("max-sessions").pipe(Flag.optional, Flag.withDescription("Sessions at once"))
}

interface Flags {
  readonly capability: ReadonlyArray<string>
  readonly model: ReadonlyArray<string>
  readonly maxTasks: Option.Option<number>
  readonly maxSessions: Option.Option<number>
}

export const workOf = ({ capability, maxSessions, maxTasks, model }: Flags) => ({
  capabilities: Input.listed(capability),
  allowedModels: Input.listed(model),
  maxConcurrentTasks: maxTasks,
  maxConcurrentSessions: maxSessions
})
