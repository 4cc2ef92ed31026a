import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { KeyId } from "../../schema/access/ApiKeyInfo.ts"
import { Role } from "../../schema/access/Principal.ts"
import { Api } from "../api/Api.ts"
import * as Input from "../Input.ts"
import { age, show, showPage } from "../Print.ts"
import { Tenant } from "../GlobalFlags.ts"

const create = Command.make(
  "create",
  {
    name: Argument.String("name").pipe(Argument.withDescription("Whose key it is, for people")),
    role: Flag.Literals("role", Role.literals).pipe(
      Flag.optional,
      Flag.withDescription(
        "tenant with --tenant, which then sees only its own; else named: operator, or admin, who also makes keys"
      )
    )
  },
  Effect.fnUntraced(function* ({ name, role }) {
    const api = yield* Api
    const tenantId = yield* Tenant
    const chosen = Option.getOrUndefined(role) ?? (Option.isSome(tenantId) ? "tenant" : undefined)
    if (chosen === undefined)
      return yield* new Input.BadInput({ message: "expected --role, or --tenant for a tenant's key" })
    if ((chosen === "tenant") !== Option.isSome(tenantId)) {
      return yield* new Input.BadInput({ message: "--tenant and the role tenant go together" })
    }
    const created = yield* api.keys.create({ name, role: chosen, ...Input.given({ tenantId }) })
    yield* show(created, ({ key, token }) => `${token}\n\nkey ${key.keyId}, role ${key.role}. It is shown only now.`)
  })
).pipe(
  Command.withDescription("Make an API key"),
  Command.withExamples([
    { command: "clawster key create ci --tenant acme", description: "A key that acts for acme alone" }
  ])
)

const list = Command.make(
  "list",
  { limit: Input.limit, after: Input.after },
  Effect.fnUntraced(function* ({ after, limit }) {
    const api = yield* Api
    const page = yield* api.keys.list({ limit, after: Option.getOrUndefined(after) })
    yield* showPage(page, "keys", ({ now }) => [
      { title: "KEY", value: ({ keyId }) => keyId },
      { title: "NAME", value: ({ name }) => name },
      { title: "ROLE", value: ({ role }) => role },
      { title: "TENANT", value: ({ tenantId }) => tenantId },
      { title: "AGE", value: ({ createdAt }) => age(createdAt, now) },
      {
        title: "STATE",
        value: ({ revokedAt }) => (revokedAt === undefined ? "active" : `revoked ${age(revokedAt, now)} ago`),
        colour: ({ revokedAt }) => (revokedAt === undefined ? "green" : "dim")
      }
    ])
  })
).pipe(Command.withDescription("List API keys"))

const revoke = Command.make(
  "revoke",
  {
    key: Argument.String("key").pipe(Argument.withSchema(KeyId), Argument.withDescription("Key id, as list shows it"))
  },
  Effect.fnUntraced(function* ({ key }) {
    const api = yield* Api
    yield* show(
      yield* api.keys.revoke({ keyId: key }),
      ({ keyId, name }) => `${keyId} (${name}) revoked; nobody can use it any more within seconds`
    )
  })
).pipe(Command.withDescription("Revoke an API key, for good"))

export const key = Command.make("key").pipe(
  Command.withDescription("API keys; for administrators"),
  Command.withSubcommands([create, list, revoke])
)
