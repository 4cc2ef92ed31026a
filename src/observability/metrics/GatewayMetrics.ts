/** What gateways do to their links, and what is removed of what runs left with them. */
import type { Effect } from "effect"
import { record } from "./Metrics.ts"

/** A session that a task or a closed session had left with its gateway was deleted there. */
export const sessionDeleted: Effect.Effect<void> = record("clawster_gateway_sessions_deleted_total", 1, {})

/** A connection to a gateway failed or ended; `reason` is one of the link's own words. */
export const linkLost = (reason: string): Effect.Effect<void> =>
  record("clawster_gateway_links_lost_total", 1, { reason })
