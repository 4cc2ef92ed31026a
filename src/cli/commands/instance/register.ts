import { Effect, Option, Redacted } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { InstanceRegistration } from "../../../rpc/Requests.ts"
import { InstanceId, Placement } from "../../../schema/Ids.ts"
import { DriverKind } from "../../../schema/Instance.ts"
import { Api } from "../../api/Api.ts"
import { Tenant } from "../../GlobalFlags.ts"
import * as Input from "../../Input.ts"
import { instanceId } from "./instanceId.ts"
import { showInstance } from "./instanceFields.ts"
import { limits, workOf } from "./instanceWork.ts"

export const register = Command.make(
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
    ...limits
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
      ...workOf(flags),
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

export const deregister = Command.make(
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
