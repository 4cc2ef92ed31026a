import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { TenantId } from "../../schema/Ids.ts"
import type { TenantStatus, TenantUsage } from "../../schema/Tenant.ts"
import { Api } from "../api/Api.ts"
import * as Input from "../Input.ts"
import { age, show, showFields, showPage } from "../Print.ts"
import type { Field } from "../TextTable.ts"

const tenantId = Argument.String("tenant").pipe(Argument.withSchema(TenantId), Argument.withDescription("Tenant id"))

const reason = Flag.String("reason").pipe(Flag.optional, Flag.withDescription("Why; the tenant is told"))

const colours = { active: "green", suspended: "yellow", deleted: "red" } as const

const capOf = (cap: number | undefined): string => (cap === undefined ? "no cap" : String(cap))

const entries = ({ caps, reason, state, tenantId, weight }: TenantStatus): ReadonlyArray<Field> => [
  ["tenant", tenantId],
  ["state", state, colours[state]],
  ["reason", reason],
  ["weight", weight],
  ["running, each lane", capOf(caps.running)],
  ["pending", capOf(caps.pending)],
  ["lanes", capOf(caps.lanes)],
  ["sessions", capOf(caps.sessions)],
  ["rate", caps.ratePerSecond === undefined ? "no cap" : `${caps.ratePerSecond}/s`]
]

const ofCap = (used: number, cap: number | undefined): string => (cap === undefined ? `${used}` : `${used} of ${cap}`)

const report = ({ caps, usage, ...tenant }: TenantStatus & { readonly usage: TenantUsage }): ReadonlyArray<Field> => [
  ["tenant", tenant.tenantId],
  ["state", tenant.state, colours[tenant.state]],
  ["reason", tenant.reason],
  ["weight", tenant.weight],
  ["running", `${usage.running}${caps.running === undefined ? "" : `, at most ${caps.running} in one lane`}`],
  ["waiting", ofCap(usage.pending + usage.scheduled, caps.pending)],
  ["lanes", ofCap(usage.lanes, caps.lanes)],
  ["sessions", ofCap(usage.sessions, caps.sessions)],
  ["with a turn", usage.activeSessions],
  ["turns that wait", usage.queuedTurns],
  ["rate", caps.ratePerSecond === undefined ? "no cap" : `at most ${caps.ratePerSecond}/s`],
  ["completed", usage.completed],
  ["failed", usage.failed],
  ["cancelled", usage.cancelled],
  ["dead lettered", usage.deadLettered, usage.deadLettered > 0 ? "red" : undefined]
]

const get = Command.make(
  "get",
  { tenant: tenantId },
  Effect.fnUntraced(function* ({ tenant }) {
    const api = yield* Api
    yield* showFields(yield* api.tenants.get({ tenantId: tenant }), report)
  })
).pipe(Command.withDescription("Show a tenant: what it may do, what runs, what waits"))

const list = Command.make(
  "list",
  { limit: Input.limit, after: Input.after },
  Effect.fnUntraced(function* ({ after, limit }) {
    const api = yield* Api
    const page = yield* api.tenants.list({ limit, after: Option.getOrUndefined(after) })
    yield* showPage(page, "tenants", ({ now }) => [
      { title: "TENANT", value: ({ tenantId }) => tenantId },
      { title: "STATE", value: ({ state }) => state, colour: ({ state }) => colours[state] },
      { title: "WEIGHT", value: ({ weight }) => weight },
      { title: "RUNNING", value: ({ caps }) => caps.running },
      { title: "PENDING", value: ({ caps }) => caps.pending },
      { title: "LANES", value: ({ caps }) => caps.lanes },
      { title: "SESSIONS", value: ({ caps }) => caps.sessions },
      { title: "RATE", value: ({ caps }) => caps.ratePerSecond },
      { title: "CHANGED", value: ({ changedAt }) => age(changedAt, now) },
      { title: "REASON", value: ({ reason }) => reason }
    ])
  })
).pipe(Command.withDescription("List the tenants for which something was set, with their caps"))

/** `none` takes the tenant's own value away. */
const setting = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("N|none"),
    Flag.withDescription(description),
    Flag.filterMap(
      (text): Option.Option<number | null> =>
        text === "none" ? Option.some(null) : /^\d{1,9}$/.test(text) ? Option.some(Number(text)) : Option.none(),
      () => "a number, or none for the deployment's default"
    ),
    Flag.optional
  )

const set = Command.make(
  "set",
  {
    tenant: tenantId,
    weight: setting("weight", "Its share relative to other tenants'"),
    running: setting("running", "Tasks that each lane may run at once"),
    pending: setting("pending", "Tasks that may wait"),
    lanes: setting("lanes", "Lanes it may have"),
    sessions: setting("sessions", "Sessions that may be open"),
    rate: setting("rate", "Tasks, sessions and turns a second")
  },
  Effect.fnUntraced(function* ({ lanes, pending, rate, running, sessions, tenant, weight }) {
    const api = yield* Api
    const caps = Input.given({ running, pending, lanes, sessions, ratePerSecond: rate })
    const status = yield* api.tenants.set({
      tenantId: tenant,
      ...Input.given({ weight }),
      ...(Object.keys(caps).length === 0 ? {} : { caps })
    })
    yield* showFields(status, entries)
  })
).pipe(
  Command.withDescription("Set a tenant's weight and caps; what is not named stays as it is"),
  Command.withExamples([
    { command: "clawster tenant set acme --pending 10000 --rate 50", description: "Bound what acme submits" }
  ])
)

interface Stopped {
  readonly cancelled?: number
  readonly aborted?: number
  readonly remaining?: number
}

const stoppedOf = ({ aborted, cancelled, remaining }: Stopped): string =>
  cancelled === undefined ? "" : `; ${cancelled} tasks cancelled, ${aborted} sessions aborted, ${remaining} left`

/** Asks again for as long as something is left and each call ends some of it. */
const untilStopped = Effect.fnUntraced(function* <A extends Stopped, E, R>(ask: Effect.Effect<A, E, R>) {
  let answer = yield* ask
  let [cancelled, aborted] = [answer.cancelled ?? 0, answer.aborted ?? 0]
  while ((answer.remaining ?? 0) > 0 && (answer.cancelled ?? 0) + (answer.aborted ?? 0) > 0) {
    answer = yield* ask
    cancelled += answer.cancelled ?? 0
    aborted += answer.aborted ?? 0
  }
  return answer.cancelled === undefined ? answer : { ...answer, cancelled, aborted }
})

const suspend = Command.make(
  "suspend",
  {
    tenant: tenantId,
    reason,
    cancel: Flag.Boolean("cancel").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Also cancel what runs and waits")
    )
  },
  Effect.fnUntraced(function* ({ cancel, reason, tenant }) {
    const api = yield* Api
    const request = { tenantId: tenant, ...(cancel ? { cancel } : {}), ...Input.given({ reason }) }
    const stopped = yield* untilStopped(Effect.suspend(() => api.tenants.suspend(request)))
    yield* show(
      stopped,
      ({ state, tenantId, ...rest }) =>
        `${tenantId} is ${state}: nothing of it starts any more within 2 s${stoppedOf(rest)}`
    )
  })
).pipe(Command.withDescription("Stop all of a tenant's work: nothing is accepted, nothing starts"))

const resume = Command.make(
  "resume",
  { tenant: tenantId },
  Effect.fnUntraced(function* ({ tenant }) {
    const api = yield* Api
    yield* show(
      yield* api.tenants.resume({ tenantId: tenant }),
      ({ state, tenantId }) => `${tenantId} is ${state}: what waits starts within 2 s`
    )
  })
).pipe(Command.withDescription("Let a suspended or deleted tenant work again"))

const remove = Command.make(
  "delete",
  {
    tenant: tenantId,
    reason,
    force: Flag.Boolean("force").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Also while something runs or waits, which is cancelled")
    )
  },
  Effect.fnUntraced(function* ({ force, reason, tenant }) {
    const api = yield* Api
    const request = { tenantId: tenant, ...(force ? { force } : {}), ...Input.given({ reason }) }
    const stopped = yield* untilStopped(Effect.suspend(() => api.tenants.delete(request)))
    yield* show(
      stopped,
      ({ state, tenantId, ...rest }) => `${tenantId} is ${state}: nothing of it is accepted any more${stoppedOf(rest)}`
    )
  })
).pipe(Command.withDescription("Delete a tenant; refused while something of it runs or waits"))

export const tenant = Command.make("tenant").pipe(
  Command.withDescription("Who may work, and within which caps; set by operators"),
  Command.withSubcommands([list, get, set, suspend, resume, remove])
)
