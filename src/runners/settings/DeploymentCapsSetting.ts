/** What bounds the whole deployment: `CLAWSTER_DEPLOYMENT_CAPS`. */
import { Effect, Layer, Option } from "effect"
import { DeploymentCaps } from "../../ports/DeploymentCaps.ts"
import { DeploymentCaps as Caps } from "../../schema/Deployment.ts"
import * as Catalogue from "./Catalogue.ts"
import * as DocumentSetting from "./DocumentSetting.ts"

export const read = DocumentSetting.read<Caps>({
  name: Catalogue.deploymentCaps.name,
  advice: `give {"running": 100, "sessions": 10000}, or a file with it; the same to every process`,
  schema: Caps
})

/** No cap when the setting is absent. */
export const configured = Effect.flatMap(Catalogue.deploymentCaps.config, (given) =>
  Option.isNone(given) ? Effect.succeed<Caps>({}) : read(given.value)
)

export const layerConfig = Layer.effect(DeploymentCaps, configured)
