import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { TurnId, waitMost } from "../../rpc/Requests.ts"
import { InstanceId, SessionId } from "../../schema/Ids.ts"
import { QueueMode, type SessionStatus, type TurnStatus } from "../../schema/Session.ts"
import { Api } from "../api/Api.ts"
import { CommandFailed } from "../CommandFailed.ts"
import { follow, followTurn } from "../api/Follow.ts"
import * as Input from "../Input.ts"
import { age, colourOf, showFields, showPage, span, time, type View } from "../Print.ts"
import { Tenant } from "../GlobalFlags.ts"
import { type Field, table } from "../TextTable.ts"
import { output, writeWhole } from "../WholeResult.ts"

const sessionId = Argument.String("session").pipe(
  Argument.withSchema(SessionId),
  Argument.withDescription("Session id")
)
const turn = Flag.String("turn").pipe(
  Flag.withSchema(TurnId),
  Flag.optional,
  Flag.withDescription("Turn id; drawn when absent")
)

const addressOf = (session: SessionId) =>
  Effect.map(Tenant, (tenant) => ({ sessionId: session, tenantId: Option.getOrUndefined(tenant) }))

const turnsTable = ({ turns }: SessionStatus, { now, screen }: View): string | undefined =>
  turns.length === 0
    ? undefined
    : table<TurnStatus>(
        [
          { title: "TURN", value: ({ turnId }) => turnId },
          { title: "PHASE", value: ({ phase }) => phase, colour: ({ phase }) => colourOf(phase) },
          { title: "AGE", value: ({ acceptedAt }) => age(acceptedAt, now) },
          { title: "MESSAGE", value: ({ message }) => message },
          { title: "ANSWER", value: ({ error, text }) => error?.message ?? text }
        ],
        turns,
        screen
      )

const entries = (session: SessionStatus, view: View): ReadonlyArray<Field> => [
  ["session", session.sessionId],
  ["phase", session.phase, colourOf(session.phase)],
  ["tenant", session.tenantId],
  ["label", session.label],
  ["instance", session.instanceId],
  ["waiting for", session.waitingFor],
  ["queued", session.queued],
  ["completed", session.turnsCompleted],
  ["created", time(session.createdAt)],
  ["last activity", time(session.lastActivityAt)],
  ["turns", turnsTable(session, view)]
]

const showSession = (session: SessionStatus) => showFields(session, entries)

const showTurn = (status: TurnStatus) =>
  showFields(status, (shown, { now }) => [
    ["turn", shown.turnId],
    ["phase", shown.phase, colourOf(shown.phase)],
    ["took", span(shown.startedAt === undefined ? undefined : (shown.endedAt ?? now) - shown.startedAt)],
    ["tokens", shown.usage?.totalTokens],
    ["error", shown.error === undefined ? undefined : `${shown.error.message} (${shown.error.code})`],
    ["answer", shown.text]
  ])

const isOver = ({ phase }: TurnStatus): boolean => phase === "completed" || phase === "failed" || phase === "aborted"

const showEnd = Effect.fnUntraced(function* (status: TurnStatus) {
  yield* showTurn(status)
  if (status.phase !== "completed") {
    return yield* new CommandFailed({
      message: `turn ${status.turnId} ${isOver(status) ? "ended" : "is still"} ${status.phase}`
    })
  }
})

const create = Command.make(
  "create",
  {
    id: Argument.String("session").pipe(
      Argument.withSchema(SessionId),
      Argument.optional,
      Argument.withDescription("Session id; drawn when absent")
    ),
    label: Flag.String("label").pipe(Flag.optional, Flag.withDescription("A name for people")),
    instance: Flag.String("instance").pipe(
      Flag.withSchema(InstanceId),
      Flag.optional,
      Flag.withDescription("Only this instance")
    ),
    region: Flag.String("region").pipe(Flag.optional, Flag.withDescription("Region to prefer")),
    model: Flag.String("model").pipe(Flag.optional, Flag.withDescription("Model to use")),
    require: Input.list("require", "Capability the instance must have; may be repeated")
  },
  Effect.fnUntraced(function* ({ id, instance, label, model, region, require }) {
    const api = yield* Api
    const hints = Input.given({
      instanceId: instance,
      preferredRegion: region,
      model,
      requiredCapabilities: Input.listed(require)
    })
    yield* showSession(
      yield* api.sessions.create(
        Input.given({
          sessionId: id,
          tenantId: yield* Tenant,
          label,
          hints: Object.keys(hints).length === 0 ? undefined : hints
        })
      )
    )
  })
).pipe(Command.withDescription("Create a session; the same id again gives the same session"))

const get = Command.make(
  "get",
  { session: sessionId, watch: Input.watch },
  Effect.fnUntraced(function* ({ session, watch }) {
    const api = yield* Api
    const address = yield* addressOf(session)
    const position = watch ? (yield* api.system.position({})).position : undefined
    yield* showSession(yield* api.sessions.get(address))
    if (watch) {
      yield* follow({
        after: position,
        wanted: ({ payload }) => payload.sessionId === session,
        isEnd: ({ type }) => type === "session.closed"
      })
    }
  })
).pipe(Command.withDescription("Show a session and its last turns"))

const list = Command.make(
  "list",
  { limit: Input.limit, after: Input.after, watch: Input.watch },
  Effect.fnUntraced(function* ({ after, limit, watch }) {
    const api = yield* Api
    const tenantId = Option.getOrUndefined(yield* Tenant)
    const page = yield* api.sessions.list({ tenantId, limit, after: Option.getOrUndefined(after) })
    yield* showPage(page, "sessions", ({ now }) => [
      { title: "SESSION", value: ({ sessionId }) => sessionId },
      { title: "PHASE", value: ({ phase }) => phase, colour: ({ phase }) => colourOf(phase) },
      { title: "TENANT", value: ({ tenantId }) => tenantId },
      { title: "INSTANCE", value: ({ instanceId }) => instanceId },
      { title: "QUEUED", value: ({ queued }) => queued },
      { title: "DONE", value: ({ turnsCompleted }) => turnsCompleted },
      { title: "ACTIVE", value: ({ lastActivityAt }) => age(lastActivityAt, now) },
      { title: "LABEL", value: ({ label }) => label },
      { title: "NOTE", value: ({ waitingFor }) => waitingFor }
    ])
    if (watch) yield* follow({ after: page.position, wanted: ({ type }) => type.startsWith("session.") })
  })
).pipe(Command.withDescription("List sessions"))

const send = Command.make(
  "send",
  {
    session: sessionId,
    message: Input.message,
    turn,
    timeout: Input.duration("timeout", "Limit of the turn").pipe(Flag.optional),
    key: Input.idempotencyKey,
    wait: Input.wait,
    watch: Input.watch
  },
  Effect.fnUntraced(function* ({ key, message, session, timeout, turn, wait, watch }) {
    const api = yield* Api
    const address = yield* addressOf(session)
    const text = yield* Input.textOf(message)
    const position = watch ? (yield* api.system.position({})).position : undefined
    const accepted = yield* api.sessions.send(
      { ...address, message: text, ...Input.given({ turnId: turn, timeoutMillis: timeout }) },
      { idempotencyKey: Option.getOrUndefined(key) }
    )
    const { turnId } = accepted
    if (position !== undefined) {
      yield* followTurn(session, turnId, position)
      return yield* showEnd(yield* api.sessions.waitTurn({ ...address, turnId, millis: 0 }))
    }
    if (Option.isNone(wait)) return yield* showTurn(accepted)
    let left = wait.value
    let status = yield* api.sessions.waitTurn({ ...address, turnId, millis: Math.min(left, waitMost) })
    while (!isOver(status) && (left -= waitMost) > 0) {
      status = yield* api.sessions.waitTurn({ ...address, turnId, millis: Math.min(left, waitMost) })
    }
    yield* showEnd(status)
  })
).pipe(
  Command.withDescription("Queue a turn behind those accepted before it"),
  Command.withExamples([
    {
      command: 'clawster session send support-7 "And in French?" --watch',
      description: "Send and see the answer arrive"
    }
  ])
)

const result = Command.make(
  "result",
  {
    session: sessionId,
    turn: Argument.String("turn").pipe(Argument.withSchema(TurnId), Argument.withDescription("Turn id")),
    output
  },
  Effect.fnUntraced(function* ({ output, session, turn }) {
    const api = yield* Api
    const address = yield* addressOf(session)
    yield* writeWhole(output, (from) => api.sessions.turnResult({ ...address, turnId: turn, from }))
  })
).pipe(Command.withDescription("Print the whole answer of a turn, or write it to a file"))

const steer = Command.make(
  "steer",
  {
    session: sessionId,
    message: Input.message,
    turn,
    mode: Flag.Literals("mode", QueueMode.literals).pipe(
      Flag.withDefault("steer"),
      Flag.withDescription("steer joins the running turn, interrupt aborts it, collect and followup come after it")
    )
  },
  Effect.fnUntraced(function* ({ message, mode, session, turn }) {
    const api = yield* Api
    const address = yield* addressOf(session)
    const text = yield* Input.textOf(message)
    yield* showTurn(
      yield* api.sessions.steer({ ...address, message: text, queueMode: mode, ...Input.given({ turnId: turn }) })
    )
  })
).pipe(Command.withDescription("Say something to the turn that runs"))

const abort = Command.make(
  "abort",
  {
    session: sessionId,
    queued: Flag.Boolean("queued").pipe(Flag.withDefault(false), Flag.withDescription("The waiting turns too"))
  },
  Effect.fnUntraced(function* ({ queued, session }) {
    const api = yield* Api
    yield* showSession(yield* api.sessions.abort({ ...(yield* addressOf(session)), queued }))
  })
).pipe(Command.withDescription("Abort the turn that runs"))

const move = Command.make(
  "move",
  {
    session: sessionId,
    instance: Flag.String("instance").pipe(
      Flag.withSchema(InstanceId),
      Flag.optional,
      Flag.withDescription("To this one; to any other when absent")
    )
  },
  Effect.fnUntraced(function* ({ instance, session }) {
    const api = yield* Api
    yield* showSession(
      yield* api.sessions.move({ ...(yield* addressOf(session)), instanceId: Option.getOrUndefined(instance) })
    )
  })
).pipe(
  Command.withDescription("Have the next turns run on another instance; what was said so far stays at the old one")
)

const terminate = Command.make(
  "terminate",
  { session: sessionId },
  Effect.fnUntraced(function* ({ session }) {
    const api = yield* Api
    yield* showSession(yield* api.sessions.terminate(yield* addressOf(session)))
  })
).pipe(Command.withDescription("End a session for good; its turns are aborted"))

export const session = Command.make("session").pipe(
  Command.withDescription("Conversations, whose turns run one at a time in order"),
  Command.withSubcommands([create, get, list, send, result, steer, abort, move, terminate])
)
