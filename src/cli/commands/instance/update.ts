import { Effect, Option, Redacted } from "effect"
import { Command, Flag } from "effect/cli"
import { UpdateInstance } from "../../../rpc/Requests.ts"
import { Api } from "../../api/Api.ts"
import * as Input from "../../Input.ts"
import { showFields } from "../../Print.ts"
import { instanceId } from "./instanceId.ts"
import { entries } from "./instanceFields.ts"
import { limits, workOf } from "./instanceWork.ts"

export const update = Command.make(
  "update",
  {
    instance: instanceId,
    file: Flag.String("file").pipe(Flag.optional, Flag.withDescription("The changes as JSON; - is standard input")),
    gatewayUrl: Flag.String("gateway-url").pipe(Flag.optional, Flag.withDescription("Where a remote gateway is now")),
    gatewayToken: Flag.Redacted("gateway-token").pipe(Flag.optional, Flag.withDescription("Its new token")),
    region: Flag.String("region").pipe(Flag.optional, Flag.withDescription("Region; an empty one takes it away")),
    capability: Input.list("capability", "What it can do, instead of what it could; may be repeated"),
    model: Input.list("model", "Model it may use, instead of those before; may be repeated"),
    ...limits
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
          ...workOf(flags)
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
