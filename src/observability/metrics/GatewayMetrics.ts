/** Metrics of the links to gateways, and of the removal of sessions at gateways. */
import type { Effect } from "effect"
import { record } from "./Metrics.ts"

/** Counts a session that was deleted at its gateway after its task or session had ended. */
export const sessionDeleted: Effect.Effect<void> = record("clawster_gateway_sessions_deleted_total", 1, {})

/** Counts a connection to a gateway that failed or ended. `reason` is the reason of the link's error. */
export const linkLost = (reason: string): Effect.Effect<void> =>
  record("clawster_gateway_links_lost_total", 1, { reason })
