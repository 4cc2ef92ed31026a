/** What bounds the whole deployment; the same in every process. By default nothing does. */
import { Context } from "effect"
import type { DeploymentCaps as Caps } from "../schema/Deployment.ts"

export const DeploymentCaps = Context.Reference<Caps>("clawster/ports/DeploymentCaps", { defaultValue: () => ({}) })
