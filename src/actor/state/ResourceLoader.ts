/**
 * Loads the resources of one actor type (Resources.ts). Actors with the same resource share one decoded copy, which
 * they must not change.
 */
import { Cache, Effect, Exit, Option, Schema } from "effect"
import type { ResourceDefinition } from "../Actor.ts"
import type { StoreUnavailable } from "../Journal.ts"
import { type ResourceMissing, Resources } from "../Resources.ts"

type OfKey<A> = (key: string) => Effect.Effect<A, StoreUnavailable | ResourceMissing>

export interface ResourceLoader {
  readonly load: OfKey<unknown>
  /** Asks the store, also when the resource is in memory: an actor that names one that is gone could not be loaded. */
  readonly keep: OfKey<void>
}

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
  const lookup: OfKey<unknown> = (key) => Effect.map(resources.get(key), decode)
  const cache = yield* Cache.makeWith(lookup, {
    capacity: kept,
    timeToLive: (exit) => (Exit.isSuccess(exit) ? "1 hour" : 0)
  })
  return { load: (key) => Cache.get(cache, key), keep: resources.keep } satisfies ResourceLoader as ResourceLoader
})
