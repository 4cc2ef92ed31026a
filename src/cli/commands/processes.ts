/** Commands that turn into a process, or run one to its end. */
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { ProcessLauncher } from "../ProcessLauncher.ts"
import * as Input from "../Input.ts"

const count = (name: string, description: string) =>
  Flag.Int(name).pipe(Flag.optional, Flag.withDescription(description))

const upFlags = {
  runners: count("runners", "Runner processes; 3 when absent"),
  instances: count("instances", "OpenClaw gateways; 2 when absent"),
  host: Flag.String("host").pipe(
    Flag.withMetavar("ADDRESS"),
    Flag.optional,
    Flag.withDescription("Address that the gateway listens on; CLAWSTER_HTTP_HOST, or 127.0.0.1, when absent")
  ),
  port: count("port", "Port of the gateway; CLAWSTER_HTTP_PORT, or 7373, when absent"),
  home: Flag.String("home").pipe(
    Flag.optional,
    Flag.withDescription("Where everything is kept; CLAWSTER_HOME, or .clawster, when absent")
  ),
  databaseUrl: Flag.String("database-url").pipe(
    Flag.withMetavar("URL"),
    Flag.optional,
    Flag.withDescription("PostgreSQL of your own; an embedded one when absent")
  ),
  openclawConfig: Flag.String("openclaw-config").pipe(
    Flag.withMetavar("FILE"),
    Flag.optional,
    Flag.withDescription("OpenClaw configuration, JSON or YAML: models, channels, tools")
  ),
  instancesFile: Flag.String("instances-file").pipe(
    Flag.withMetavar("FILE"),
    Flag.optional,
    Flag.withDescription("Instances to register, JSON or YAML; changed in place when the file has changed")
  )
}

const bounds = { runners: [1, 32], instances: [0, 500], port: [0, 65_535] } as const

type UpFlags = Command.Command.Config.Infer<typeof upFlags>

const checked = Effect.fnUntraced(function* (flags: UpFlags) {
  for (const [name, [minimum, maximum]] of Object.entries(bounds)) {
    const value = Option.getOrUndefined(flags[name as keyof typeof bounds])
    if (value !== undefined && (value < minimum || value > maximum)) {
      return yield* new Input.BadInput({ message: `--${name}: expected ${minimum} to ${maximum}, got ${value}` })
    }
  }
  return Input.given(flags)
})

const to = Effect.fnUntraced(function* (start: () => Promise<void>) {
  yield* (yield* ProcessLauncher).to(start)
})

/** On a terminal, logs have the readable form unless the environment sets another. */
const withReadableLogs = () => {
  if (process.stdout.isTTY) process.env.CLAWSTER_LOG ??= "pretty"
}

export const up = Command.make(
  "up",
  upFlags,
  Effect.fnUntraced(function* (flags) {
    const options = yield* checked(flags)
    yield* to(async () => {
      const { run } = await import("../../runners/up.ts")
      const { main } = await import("../../runners/launch/Launch.ts")
      main(run(options), { stopWithinMillis: 90_000 })
    })
  })
).pipe(Command.withDescription("Start a whole cluster on this machine: database, runners, gateway, OpenClaw"))

export const demo = Command.make(
  "demo",
  upFlags,
  Effect.fnUntraced(function* (flags) {
    const options = yield* checked(flags)
    yield* to(async () => {
      const { run } = await import("../../runners/demo.ts")
      const { main } = await import("../../runners/launch/Launch.ts")
      main(run(options), { stopWithinMillis: 90_000 })
    })
  })
).pipe(
  Command.withDescription("Work through tasks and sessions while a runner is killed, and check what became of them")
)

export const runner = Command.make("runner", {}, () =>
  to(async () => {
    withReadableLogs()
    const { layer } = await import("../../runners/runner.ts")
    const { launch } = await import("../../runners/launch/Launch.ts")
    launch(layer as never)
  })
).pipe(Command.withDescription("Run a runner: it serves actors. Settings are in the environment"))

export const gateway = Command.make("gateway", {}, () =>
  to(async () => {
    withReadableLogs()
    const { layer } = await import("../../runners/gateway.ts")
    const { launch } = await import("../../runners/launch/Launch.ts")
    launch(layer as never)
  })
).pipe(Command.withDescription("Run a gateway: it serves the API. Settings are in the environment"))

export const migrate = Command.make("migrate", {}, () =>
  to(async () => {
    const { run } = await import("../../runners/migrate.ts")
    const { main } = await import("../../runners/launch/Launch.ts")
    main(run)
  })
).pipe(Command.withDescription("Bring the database of DATABASE_URL up to date"))
