import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { Placement } from "../../../schema/Ids.ts"
import { DriverKind, InstanceHealth, InstancePhase } from "../../../schema/Instance.ts"
import { Api } from "../../api/Api.ts"
import { follow } from "../../api/Follow.ts"
import { Tenant } from "../../GlobalFlags.ts"
import * as Input from "../../Input.ts"
import { age, colourOf, showPage } from "../../Print.ts"
import { tenancyOf } from "./instanceFields.ts"

export const list = Command.make(
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
