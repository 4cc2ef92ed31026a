import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { LaneName } from "../../schema/Ids.ts"
import type { Backpressure, LaneStatus } from "../../schema/Lane.ts"
import { Api } from "../api/Api.ts"
import * as Input from "../Input.ts"
import { colourOf, showFields, showPage, span } from "../Print.ts"
import { Tenant } from "../GlobalFlags.ts"
import type { Field } from "../TextTable.ts"

const laneName = Argument.String("lane").pipe(Argument.withSchema(LaneName), Argument.withDescription("Lane name"))

const addressOf = (lane: LaneName) =>
  Effect.map(Tenant, (tenant) => ({ lane, tenantId: Option.getOrUndefined(tenant) }))

const fullOf = ({ backpressure }: LaneStatus["config"]): string =>
  backpressure._tag === "Redirect" ? `redirect to ${backpressure.lane}` : backpressure._tag.toLowerCase()

const entries = ({ config, ...lane }: LaneStatus): ReadonlyArray<Field> => [
  ["lane", lane.lane],
  ["tenant", lane.tenantId],
  ["state", config.paused ? "paused" : lane.state, config.paused ? "yellow" : colourOf(lane.state)],
  ["pending", lane.pending],
  ["scheduled", lane.scheduled],
  ["running", `${lane.running} of ${config.concurrency}`],
  ["completed", lane.completed],
  ["failed", lane.failed],
  ["cancelled", lane.cancelled],
  ["dead lettered", lane.deadLettered, lane.deadLettered > 0 ? "red" : undefined],
  ["rate", config.ratePerSecond === undefined ? "no limit" : `${config.ratePerSecond}/s`],
  ["capacity", config.capacity],
  ["when full", fullOf(config)],
  ["ageing", span(config.ageingMillis)]
]

const get = Command.make(
  "get",
  { lane: laneName },
  Effect.fnUntraced(function* ({ lane }) {
    const api = yield* Api
    yield* showFields(yield* api.lanes.get(yield* addressOf(lane)), entries)
  })
).pipe(Command.withDescription("Show a lane: what waits, what runs, what its limits are"))

const list = Command.make(
  "list",
  { limit: Input.limit, after: Input.after },
  Effect.fnUntraced(function* ({ after, limit }) {
    const api = yield* Api
    const tenantId = Option.getOrUndefined(yield* Tenant)
    const page = yield* api.lanes.list({ tenantId, limit, after: Option.getOrUndefined(after) })
    yield* showPage(page, "lanes", () => [
      { title: "LANE", value: ({ lane }) => lane },
      { title: "TENANT", value: ({ tenantId }) => tenantId },
      {
        title: "STATE",
        value: ({ config, state }) => (config.paused ? "paused" : state),
        colour: ({ state }) => colourOf(state)
      },
      { title: "PENDING", value: ({ pending }) => pending },
      { title: "SCHEDULED", value: ({ scheduled }) => scheduled },
      { title: "RUNNING", value: ({ config, running }) => `${running}/${config.concurrency}` },
      { title: "COMPLETED", value: ({ completed }) => completed },
      { title: "FAILED", value: ({ failed }) => failed },
      { title: "DEAD", value: ({ deadLettered }) => deadLettered }
    ])
  })
).pipe(Command.withDescription("List lanes"))

const configure = Command.make(
  "configure",
  {
    lane: laneName,
    concurrency: Flag.Int("concurrency").pipe(Flag.optional, Flag.withDescription("Tasks that may run at once")),
    rate: Flag.Int("rate").pipe(Flag.optional, Flag.withDescription("Starts a second; 0 is no limit")),
    capacity: Flag.Int("capacity").pipe(Flag.optional, Flag.withDescription("Tasks that may wait")),
    whenFull: Flag.Literals("when-full", ["block", "drop", "redirect"]).pipe(
      Flag.optional,
      Flag.withDescription("What a full lane does with a submit")
    ),
    redirectTo: Flag.String("redirect-to").pipe(
      Flag.withSchema(LaneName),
      Flag.optional,
      Flag.withDescription("The lane to redirect to")
    ),
    ageing: Input.duration("ageing", "Wait after which a task overtakes the next higher priority").pipe(Flag.optional),
    paused: Flag.Boolean("paused").pipe(Flag.optional, Flag.withDescription("Start nothing; --no-paused starts again"))
  },
  Effect.fnUntraced(function* (flags) {
    const backpressure = yield* backpressureOf(flags)
    const api = yield* Api
    const address = yield* addressOf(flags.lane)
    const status = yield* api.lanes.configure({
      ...address,
      config: Input.given({
        ratePerSecond: Option.map(flags.rate, (rate) => (rate === 0 ? null : rate)),
        concurrency: flags.concurrency,
        capacity: flags.capacity,
        ageingMillis: flags.ageing,
        paused: flags.paused,
        backpressure
      })
    })
    yield* showFields(status, entries)
  })
).pipe(Command.withDescription("Change a lane's limits; what is not named stays as it is"))

const backpressureOf = Effect.fnUntraced(function* ({
  redirectTo,
  whenFull
}: {
  readonly whenFull: Option.Option<"block" | "drop" | "redirect">
  readonly redirectTo: Option.Option<LaneName>
}): Effect.fn.Return<Backpressure | undefined, Input.BadInput> {
  const mode = Option.getOrUndefined(whenFull) ?? (Option.isSome(redirectTo) ? "redirect" : undefined)
  if ((mode === "redirect") !== Option.isSome(redirectTo)) {
    return yield* new Input.BadInput({ message: "--when-full redirect and --redirect-to go together" })
  }
  switch (mode) {
    case undefined:
      return undefined
    case "block":
      return { _tag: "Block" }
    case "drop":
      return { _tag: "Drop" }
    case "redirect":
      return { _tag: "Redirect", lane: Option.getOrThrow(redirectTo) }
  }
})

export const lane = Command.make("lane").pipe(
  Command.withDescription("Backlogs: their limits, and what is in them"),
  Command.withSubcommands([get, list, configure])
)
