import { Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { within } from "../../schema/text/Bounds.ts"
import { Api } from "../api/Api.ts"
import * as Input from "../Input.ts"
import { age, show, showPage } from "../Print.ts"

const number = Argument.Int("number").pipe(
  Argument.withSchema(within(1, Number.MAX_SAFE_INTEGER)),
  Argument.withDescription("The message, as list shows it")
)

const list = Command.make(
  "list",
  { limit: Input.limit, after: Input.after },
  Effect.fnUntraced(function* ({ after, limit }) {
    const api = yield* Api
    const page = yield* api.messages.list({ limit, after: Option.getOrUndefined(after) })
    yield* showPage(page, "dead messages", ({ now }) => [
      { title: "NUMBER", value: ({ number }) => number },
      { title: "TO", value: ({ entityId, entityType }) => `${entityType} ${entityId}` },
      { title: "COMMAND", value: ({ tag }) => tag },
      { title: "REASON", value: ({ reason }) => reason, colour: () => "red" },
      { title: "AGE", value: ({ at }) => age(at, now) },
      { title: "ERROR", value: ({ error }) => error.split("\n", 1)[0] }
    ])
  })
).pipe(Command.withDescription("List the messages between actors that their receivers gave up, newest first"))

const get = Command.make(
  "get",
  { number },
  Effect.fnUntraced(function* ({ number }) {
    const api = yield* Api
    yield* show(yield* api.messages.get({ number }), (message) =>
      [
        `message ${message.number}, ${message.messageId}`,
        `to ${message.entityType} ${message.entityId}: ${message.tag}`,
        `given up (${message.reason}): ${message.error}`,
        message.payload
      ].join("\n")
    )
  })
).pipe(Command.withDescription("Show a dead message with its payload"))

const replay = Command.make(
  "replay",
  { number },
  Effect.fnUntraced(function* ({ number }) {
    const api = yield* Api
    yield* show(yield* api.messages.replay({ number }), ({ outcome }) =>
      outcome === "applied"
        ? `message ${number} was applied`
        : `message ${number} was given up again; message list shows it under a new number`
    )
  })
).pipe(Command.withDescription("Deliver a dead message again, once its cause is mended"))

const remove = Command.make(
  "remove",
  { number },
  Effect.fnUntraced(function* ({ number }) {
    const api = yield* Api
    yield* show(yield* api.messages.remove({ number }), ({ tag }) => `message ${number} (${tag}) was removed`)
  })
).pipe(Command.withDescription("Remove a dead message for good"))

export const message = Command.make("message").pipe(
  Command.withDescription("Messages between actors that could not be processed; for operators"),
  Command.withSubcommands([list, get, replay, remove])
)
