/** What bounds the whole deployment, over all tenants, lanes and instances. */
import { Schema } from "effect"
import { within } from "./text/Bounds.ts"

/** Absent: no cap. */
export const DeploymentCaps = Schema.Struct({
  running: Schema.optionalKey(
    within(1, 1_000_000).annotate({ description: "Tasks and turns that run at once, over all instances." })
  ),
  sessions: Schema.optionalKey(
    within(0, 1_000_000_000).annotate({ description: "Sessions that are open, over all tenants." })
  )
})
export type DeploymentCaps = typeof DeploymentCaps.Type
