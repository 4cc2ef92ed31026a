/**
 * Loads the resources of one actor type (Resources.ts). Actors with the same resource share one decoded copy, which
 * they must not change.
 */
import { Cache, Effect, Exit, Option, Schema } from "effect"
import type { ResourceDefinition } from "../Actor.ts"
import type { StoreUnavailable } from "../Journal.ts"
import { type ResourceMissing, Resources } from "../Resources.ts"

export type LoadResource = (key: string) => Effect.Effect<unknown, StoreUnavailable | ResourceMissing>

/** Resources of one actor type that are kept in memory. Each has at most a million characters. */
const kept = 64

/** Dies when the runner has no store of resources. */
export const make = Effect.fnUntraced(function* (entityType: string, { schema }: ResourceDefinition<any, any>) {
  const resources = Option.getOrUndefined(yield* Effect.serviceOption(Resources))
  if (resources === undefined)
    return yield* Effect.die(new Error(`${entityType} uses resources: provide a layer of Resources to its runner`))
  const decode = Schema.decodeUnknownSync(Schema.toCodecJson(schema) as unknown as Schema.Codec<unknown, unknown>, {
    disableChecks: true
  })
  const lookup: LoadResource = (key) => Effect.map(resources.get(key), decode)
  const cache = yield* Cache.makeWith(lookup, {
    capacity: kept,
    timeToLive: (exit) => (Exit.isSuccess(exit) ? "1 hour" : 0)
  })
  return ((key) => Cache.get(cache, key)) satisfies LoadResource as LoadResource
})
