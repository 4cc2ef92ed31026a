/** Every public operation by its name, with its payload as JSON. */
import { Console, Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { everyOperation } from "../../rpc/operations/Operations.ts"
import { call as callOf, fieldsOf, find, isCallable, nameOf } from "../api/OperationCall.ts"
import * as Input from "../Input.ts"
import { show } from "../Print.ts"
import { Tenant } from "../GlobalFlags.ts"
import { table } from "../TextTable.ts"

const list = Effect.suspend(() => {
  const operations = everyOperation.filter(isCallable).map((named) => {
    const { action, kind, summary } = named.operation
    const fields = fieldsOf(named.operation)
    return { name: nameOf(named), kind, action: action.name, role: action.role, summary, fields }
  })
  return show(operations, (operations, { screen }) =>
    table(
      [
        { title: "OPERATION", value: ({ name }) => name },
        { title: "KIND", value: ({ kind }) => kind },
        { title: "ACTION", value: ({ action }) => action },
        { title: "ROLE", value: ({ role }) => role },
        {
          title: "PAYLOAD",
          value: ({ fields }) => fields.map(({ isOptional, name }) => (isOptional ? `${name}?` : name)).join(" ")
        }
      ],
      operations,
      screen
    )
  )
})

const json = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))

const textOf = (argument: string) => {
  if (argument === "-") return Input.fileText("-")
  return argument.startsWith("@") ? Input.fileText(argument.slice(1)) : Effect.succeed(argument)
}

const given = Effect.fnUntraced(function* (argument: string) {
  const text = yield* textOf(argument)
  return yield* Effect.mapError(
    json(text),
    () =>
      new Input.BadInput({
        message: "the payload is no JSON object; give it as text, as @FILE or - for standard input"
      })
  )
})

export const call = Command.make(
  "call",
  {
    operation: Argument.String("operation").pipe(
      Argument.optional,
      Argument.withDescription("Noun and operation, such as tasks.get")
    ),
    payload: Argument.String("payload").pipe(
      Argument.optional,
      Argument.withDescription("Its payload as JSON; @FILE reads a file, - standard input")
    ),
    list: Flag.Boolean("list").pipe(Flag.withDefault(false), Flag.withDescription("List the operations")),
    idempotencyKey: Input.idempotencyKey
  },
  Effect.fnUntraced(function* ({ idempotencyKey, list: isList, operation, payload }) {
    if (isList) return yield* list
    if (Option.isNone(operation)) {
      return yield* new Input.BadInput({ message: "name an operation; clawster call --list shows them" })
    }
    const named = yield* find(operation.value)
    const request = yield* given(Option.getOrElse(payload, () => "{}"))
    const tenantId = Option.getOrUndefined(yield* Tenant)
    const answer = yield* callOf(
      named,
      request,
      { tenantId },
      { idempotencyKey: Option.getOrUndefined(idempotencyKey) }
    )
    yield* Console.log(JSON.stringify(answer ?? null, null, 2))
  })
).pipe(
  Command.withDescription("Call any operation by its name, and print its answer as JSON"),
  Command.withExamples([
    { command: "clawster call --list", description: "Every operation, with the fields of its payload" },
    { command: `clawster call lanes.get '{"lane":"default"}'`, description: "A read, for the tenant of the key" }
  ])
)
