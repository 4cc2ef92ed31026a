import { Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { LogLevelName } from "../../../rpc/Requests.ts"
import { Api } from "../../api/Api.ts"
import { follow } from "../../api/Follow.ts"
import * as Input from "../../Input.ts"
import { bytes, colourOf, show, showFields, span, time } from "../../Print.ts"
import { instanceId } from "./instanceId.ts"
import { showInstance } from "./instanceFields.ts"

export const get = Command.make(
  "get",
  { instance: instanceId, watch: Input.watch },
  Effect.fnUntraced(function* ({ instance, watch }) {
    const api = yield* Api
    const position = watch ? (yield* api.system.position({})).position : undefined
    yield* showInstance(yield* api.instances.get({ instanceId: instance }))
    if (watch)
      yield* follow({
        after: position,
        about: { instanceId: instance },
        wanted: ({ payload }) => payload.instanceId === instance
      })
  })
).pipe(Command.withDescription("Show an instance"))

export const health = Command.make(
  "health",
  { instance: instanceId },
  Effect.fnUntraced(function* ({ instance }) {
    const api = yield* Api
    yield* showFields(yield* api.instances.health({ instanceId: instance }), (report) => [
      ["instance", report.instanceId],
      ["health", report.health, colourOf(report.health)],
      ["reason", report.reason],
      ["phase", report.phase, colourOf(report.phase)],
      ["breaker", report.breaker],
      ["last heartbeat", time(report.lastHeartbeatAt)]
    ])
  })
).pipe(Command.withDescription("Show an instance's health, and why"))

export const logs = Command.make(
  "logs",
  {
    instance: instanceId,
    lines: Flag.Int("lines").pipe(
      Flag.withAlias("n"),
      Flag.withDefault(200),
      Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 }))),
      Flag.withDescription("The last so many, 1 to 10000")
    ),
    since: Input.past("since", "Only from then on"),
    level: Flag.Literals("level", LogLevelName.literals).pipe(
      Flag.optional,
      Flag.withDescription("This one and worse")
    ),
    search: Flag.String("search").pipe(Flag.optional, Flag.withDescription("Only lines with this text, in any case"))
  },
  Effect.fnUntraced(function* ({ instance, level, lines, search, since }) {
    const api = yield* Api
    const query = { limit: lines, ...Input.given({ since: yield* Input.resolvePast(since), level, search }) }
    yield* show(yield* api.instances.logs({ instanceId: instance, ...query }), (logs) => logs.lines.join("\n"))
  })
).pipe(Command.withDescription("Show the last lines of an instance's log"))

export const metrics = Command.make(
  "metrics",
  { instance: instanceId },
  Effect.fnUntraced(function* ({ instance }) {
    const api = yield* Api
    yield* showFields(yield* api.instances.metrics({ instanceId: instance }), (report) => [
      ["instance", report.instanceId],
      ["memory", bytes(report.rssBytes)],
      ["cpu", report.cpu === undefined ? undefined : `${(report.cpu * 100).toFixed(1)} %`],
      ["up", span(report.uptimeMillis)]
    ])
  })
).pipe(Command.withDescription("Show what an instance's process uses"))
