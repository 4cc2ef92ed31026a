import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { Api } from "../../api/Api.ts"
import * as Input from "../../Input.ts"
import { instanceId } from "./instanceId.ts"
import { showInstance } from "./instanceFields.ts"

export const start = Command.make(
  "start",
  { instance: instanceId },
  Effect.fnUntraced(function* ({ instance }) {
    const api = yield* Api
    yield* showInstance(yield* api.instances.start({ instanceId: instance }))
  })
).pipe(Command.withDescription("Start an instance; earlier failures are forgiven"))

export const stop = Command.make(
  "stop",
  { instance: instanceId, grace: Input.duration("grace", "What runs is aborted after it").pipe(Flag.optional) },
  Effect.fnUntraced(function* ({ grace, instance }) {
    const api = yield* Api
    yield* showInstance(yield* api.instances.stop({ instanceId: instance, graceMillis: Option.getOrUndefined(grace) }))
  })
).pipe(Command.withDescription("Stop an instance"))

export const drain = Command.make(
  "drain",
  { instance: instanceId, deadline: Input.duration("deadline", "What still runs then is aborted").pipe(Flag.optional) },
  Effect.fnUntraced(function* ({ deadline, instance }) {
    const api = yield* Api
    yield* showInstance(
      yield* api.instances.drain({ instanceId: instance, deadlineMillis: Option.getOrUndefined(deadline) })
    )
  })
).pipe(Command.withDescription("Take no new work, let what runs end, then stop"))
