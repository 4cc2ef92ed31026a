/** Notifies the lanes of a runner of changes of the fleet, and of what their tenants may do. */
import { Effect, Stream } from "effect"
import { Fleet } from "../../../ports/Fleet.ts"
import { Tenants } from "../../../ports/tenants/Tenants.ts"
import { ChangeWatch } from "../../routing/ChangeWatch.ts"

export type FleetWatch = ChangeWatch

export const make = Effect.flatMap(Effect.all([Fleet, Tenants]), ([fleet, tenants]) =>
  ChangeWatch.of(Stream.merge(fleet.changes, tenants.changes))
)
