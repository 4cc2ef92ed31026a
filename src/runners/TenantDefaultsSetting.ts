/** What holds for tenants as far as nothing else was set: `CLAWSTER_TENANT_DEFAULTS`. */
import { Effect, Layer, Option } from "effect"
import { TenantDefaults } from "../ports/tenants/Tenants.ts"
import { TenantDefaults as Defaults } from "../schema/Tenant.ts"
import * as Catalogue from "./settings/Catalogue.ts"
import * as DocumentSetting from "./settings/DocumentSetting.ts"

export const read = DocumentSetting.read<Defaults>({
  name: Catalogue.tenantDefaults.name,
  advice: `give {"weight": 1, "caps": {"pending": 10000}}, or a file with it; the caps are those of PUT /tenants, see /docs`,
  schema: Defaults
})

/** No caps and weight 1 when the setting is absent. */
export const configured = Effect.flatMap(Catalogue.tenantDefaults.config, (given) =>
  Option.isNone(given) ? Effect.succeed<Defaults>({}) : read(given.value)
)

export const layerConfig = Layer.effect(TenantDefaults, configured)
