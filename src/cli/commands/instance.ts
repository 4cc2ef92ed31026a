import { Effect, Option, Redacted, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { InstanceRegistration, LogLevelName, UpdateInstance } from "../../rpc/Requests.ts"
import { InstanceId, Placement } from "../../schema/Ids.ts"
import { DriverKind, InstanceHealth, InstancePhase, type InstanceStatus } from "../../schema/Instance.ts"
import { Api } from "../api/Api.ts"
import { follow } from "../api/Follow.ts"
import * as Input from "../Input.ts"
import { age, bytes, colourOf, show, showFields, showPage, span, time } from "../Print.ts"
import { Tenant } from "../GlobalFlags.ts"
import type { Field } from "../TextTable.ts"

const instanceId = Argument.String("instance").pipe(
  Argument.withSchema(InstanceId),
  Argument.withDescription("Instance id")
)

const tenancyOf = ({ tenancy }: InstanceStatus): string => (tenancy._tag === "shared" ? "shared" : tenancy.tenantId)

const entries = (instance: InstanceStatus): ReadonlyArray<Field> => [
  ["instance", instance.instanceId],
  ["health", instance.health, colourOf(instance.health)],
  ["reason", instance.reason],
  ["phase", instance.phase, colourOf(instance.phase)],
  ["occupancy", instance.occupancy],
  ["breaker", instance.breaker, instance.breaker === "closed" ? undefined : "red"],
  ["driver", instance.driver],
  ["placement", instance.placement],
  ["region", instance.region],
  ["tenancy", tenancyOf(instance)],
  ["capabilities", instance.capabilities.join(", ")],
  ["models", instance.allowedModels.join(", ") || "any"],
  ["tasks", `${instance.load.runningTasks} of ${instance.maxConcurrentTasks}`],
  ["sessions", `${instance.load.activeSessions} of ${instance.maxConcurrentSessions}`],
  ["latency", span(instance.load.latencyMillis)],
  ["memory", bytes(instance.load.memoryBytes)],
  ["url", instance.url],
  ["version", instance.version],
  ["up", span(instance.uptimeMillis)],
  ["restarts", instance.restarts],
  ["registered", time(instance.registeredAt)],
  ["last heartbeat", time(instance.lastHeartbeatAt)]
]

const showInstance = (instance: InstanceStatus) => showFields(instance, entries)

const register = Command.make(
  "register",
  {
    id: Argument.String("instance").pipe(
      Argument.withSchema(InstanceId),
      Argument.optional,
      Argument.withDescription("Instance id; drawn when absent")
    ),
    file: Flag.String("file").pipe(
      Flag.optional,
      Flag.withDescription("The whole registration as JSON; - is standard input")
    ),
    driver: Flag.Literals("driver", DriverKind.literals).pipe(
      Flag.optional,
      Flag.withDescription("process when absent, remote with --gateway-url")
    ),
    gatewayUrl: Flag.String("gateway-url").pipe(
      Flag.optional,
      Flag.withDescription("A gateway that runs already: its ws:// or wss:// URL")
    ),
    gatewayToken: Flag.Redacted("gateway-token").pipe(Flag.optional, Flag.withDescription("And its token")),
    placement: Flag.String("placement").pipe(
      Flag.withSchema(Placement),
      Flag.optional,
      Flag.withDescription("Where it lives")
    ),
    region: Flag.String("region").pipe(Flag.optional, Flag.withDescription("Region")),
    capability: Input.list("capability", "What it can do; may be repeated"),
    model: Input.list("model", "Model it may use; any when absent"),
    maxTasks: Flag.Int("max-tasks").pipe(Flag.optional, Flag.withDescription("Tasks at once")),
    maxSessions: Flag.Int("max-sessions").pipe(Flag.optional, Flag.withDescription("Sessions at once"))
  },
  Effect.fnUntraced(function* (flags) {
    const api = yield* Api
    const fromFile = Option.isNone(flags.file)
      ? undefined
      : yield* Input.jsonFile(flags.file.value, InstanceRegistration)
    const endpoint = yield* endpointOf(flags)
    const driver =
      Option.getOrUndefined(flags.driver) ?? fromFile?.driver ?? (endpoint === undefined ? "process" : "remote")
    const tenantId = Option.getOrUndefined(yield* Tenant)
    const named = Input.given({
      instanceId: flags.id,
      placement: flags.placement,
      region: flags.region,
      capabilities: Input.listed(flags.capability),
      allowedModels: Input.listed(flags.model),
      maxConcurrentTasks: flags.maxTasks,
      maxConcurrentSessions: flags.maxSessions,
      endpoint,
      tenancy: tenantId === undefined ? undefined : { _tag: "dedicated" as const, tenantId }
    })
    yield* showInstance(yield* api.instances.register({ ...fromFile, ...named, driver }))
  })
).pipe(
  Command.withDescription("Register an instance and start it; with --tenant it is that tenant's alone"),
  Command.withExamples([
    {
      command: "clawster instance register reviewer --capability review --max-tasks 4",
      description: "A gateway of this cluster"
    },
    {
      command: "clawster instance register far --gateway-url wss://far:18789 --gateway-token …",
      description: "One that runs already"
    }
  ])
)

const endpointOf = Effect.fnUntraced(function* ({
  gatewayToken,
  gatewayUrl
}: {
  readonly gatewayUrl: Option.Option<string>
  readonly gatewayToken: Option.Option<Redacted.Redacted>
}) {
  if (Option.isNone(gatewayUrl) && Option.isNone(gatewayToken)) return undefined
  if (Option.isNone(gatewayUrl) || Option.isNone(gatewayToken)) {
    return yield* new Input.BadInput({ message: "--gateway-url and --gateway-token go together" })
  }
  return { url: gatewayUrl.value, token: Redacted.value(gatewayToken.value) }
})

const update = Command.make(
  "update",
  {
    instance: instanceId,
    file: Flag.String("file").pipe(Flag.optional, Flag.withDescription("The changes as JSON; - is standard input")),
    gatewayUrl: Flag.String("gateway-url").pipe(Flag.optional, Flag.withDescription("Where a remote gateway is now")),
    gatewayToken: Flag.Redacted("gateway-token").pipe(Flag.optional, Flag.withDescription("Its new token")),
    region: Flag.String("region").pipe(Flag.optional, Flag.withDescription("Region; an empty one takes it away")),
    capability: Input.list("capability", "What it can do, instead of what it could; may be repeated"),
    model: Input.list("model", "Model it may use, instead of those before; may be repeated"),
    maxTasks: Flag.Int("max-tasks").pipe(Flag.optional, Flag.withDescription("Tasks at once")),
    maxSessions: Flag.Int("max-sessions").pipe(Flag.optional, Flag.withDescription("Sessions at once"))
  },
  Effect.fnUntraced(function* (flags) {
    const api = yield* Api
    const fromFile = Option.isNone(flags.file) ? {} : yield* Input.jsonFile(flags.file.value, UpdateInstance)
    const endpoint = Input.given({
      url: flags.gatewayUrl,
      token: Option.map(flags.gatewayToken, (token) => Redacted.value(token))
    })
    const answer = yield* api.instances.update({
      instanceId: flags.instance,
      update: {
        ...fromFile,
        ...Input.given({
          region: Option.map(flags.region, (region) => (region === "" ? null : region)),
          capabilities: Input.listed(flags.capability),
          allowedModels: Input.listed(flags.model),
          maxConcurrentTasks: flags.maxTasks,
          maxConcurrentSessions: flags.maxSessions
        }),
        ...(Object.keys(endpoint).length === 0 ? {} : { endpoint })
      }
    })
    yield* showFields(answer, ({ changed, ...instance }) => [
      ...entries(instance),
      ["changed", changed.map(({ field, takesEffect }) => `${field} (${takesEffect})`).join(", ") || "nothing"]
    ])
  })
).pipe(Command.withDescription("Change an instance in place; what is not named stays as it is, and so does its work"))

const list = Command.make(
  "list",
  {
    health: Flag.Literals("health", InstanceHealth.literals).pipe(Flag.optional, Flag.withDescription("Only these")),
    phase: Flag.Literals("phase", InstancePhase.literals).pipe(Flag.optional, Flag.withDescription("Only these")),
    driver: Flag.Literals("driver", DriverKind.literals).pipe(Flag.optional, Flag.withDescription("Only these")),
    placement: Flag.String("placement").pipe(
      Flag.withSchema(Placement),
      Flag.optional,
      Flag.withDescription("Only those that live there")
    ),
    capability: Flag.String("capability").pipe(Flag.optional, Flag.withDescription("Only those that have it")),
    limit: Input.limit,
    after: Input.after,
    watch: Input.watch
  },
  Effect.fnUntraced(function* ({ after, limit, watch, ...wanted }) {
    const api = yield* Api
    const tenantId = Option.getOrUndefined(yield* Tenant)
    const page = yield* api.instances.list({
      ...Input.given(wanted),
      tenantId,
      limit,
      after: Option.getOrUndefined(after)
    })
    yield* showPage(page, "instances", ({ now }) => [
      { title: "INSTANCE", value: ({ instanceId }) => instanceId },
      { title: "HEALTH", value: ({ health }) => health, colour: ({ health }) => colourOf(health) },
      { title: "PHASE", value: ({ phase }) => phase, colour: ({ phase }) => colourOf(phase) },
      { title: "DRIVER", value: ({ driver }) => driver },
      { title: "REGION", value: ({ region }) => region },
      { title: "TENANCY", value: tenancyOf },
      { title: "TASKS", value: ({ load, maxConcurrentTasks }) => `${load.runningTasks}/${maxConcurrentTasks}` },
      {
        title: "SESSIONS",
        value: ({ load, maxConcurrentSessions }) => `${load.activeSessions}/${maxConcurrentSessions}`
      },
      { title: "SEEN", value: ({ lastHeartbeatAt }) => age(lastHeartbeatAt, now) },
      {
        title: "NOTE",
        value: ({ breaker, reason }) => reason ?? (breaker === "closed" ? undefined : `breaker ${breaker}`)
      }
    ])
    if (watch) yield* follow({ after: page.position, wanted: ({ type }) => type.startsWith("instance.") })
  })
).pipe(Command.withDescription("List instances"))

const get = Command.make(
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

const health = Command.make(
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

const start = Command.make(
  "start",
  { instance: instanceId },
  Effect.fnUntraced(function* ({ instance }) {
    const api = yield* Api
    yield* showInstance(yield* api.instances.start({ instanceId: instance }))
  })
).pipe(Command.withDescription("Start an instance; earlier failures are forgiven"))

const stop = Command.make(
  "stop",
  { instance: instanceId, grace: Input.duration("grace", "What runs is aborted after it").pipe(Flag.optional) },
  Effect.fnUntraced(function* ({ grace, instance }) {
    const api = yield* Api
    yield* showInstance(yield* api.instances.stop({ instanceId: instance, graceMillis: Option.getOrUndefined(grace) }))
  })
).pipe(Command.withDescription("Stop an instance"))

const drain = Command.make(
  "drain",
  { instance: instanceId, deadline: Input.duration("deadline", "What still runs then is aborted").pipe(Flag.optional) },
  Effect.fnUntraced(function* ({ deadline, instance }) {
    const api = yield* Api
    yield* showInstance(
      yield* api.instances.drain({ instanceId: instance, deadlineMillis: Option.getOrUndefined(deadline) })
    )
  })
).pipe(Command.withDescription("Take no new work, let what runs end, then stop"))

const logs = Command.make(
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

const metrics = Command.make(
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

const deregister = Command.make(
  "deregister",
  {
    instance: instanceId,
    force: Flag.Boolean("force").pipe(Flag.withDefault(false), Flag.withDescription("Also while work runs"))
  },
  Effect.fnUntraced(function* ({ force, instance }) {
    const api = yield* Api
    yield* showInstance(yield* api.instances.deregister({ instanceId: instance, force }))
  })
).pipe(Command.withDescription("Stop an instance and forget it"))

export const instance = Command.make("instance").pipe(
  Command.withDescription("OpenClaw gateways: register, look after, remove"),
  Command.withSubcommands([register, update, list, get, health, start, stop, drain, logs, metrics, deregister])
)
