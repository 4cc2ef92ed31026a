/**
 * Determines the host under which the instances of a home are registered, from the instance folders in the home. Used
 * for homes of an earlier version, which stored no name.
 */
import { Effect, Schema } from "effect"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { ViewReads } from "../../ports/Reads.ts"
import { hostPlacement, InstanceId } from "../../schema/Ids.ts"
import * as PgViewReads from "../../shards/reads/PgViewReads.ts"

const prefix = hostPlacement("")
const most = 500

const ids = (home: string): ReadonlyArray<InstanceId> => {
  try {
    return readdirSync(join(home, "gateways")).filter(Schema.is(InstanceId)).slice(0, most)
  } catch {
    return []
  }
}

/** The host of the first instance that is registered on a host; undefined when there is none. */
export const hostOf = (home: string) =>
  Effect.gen(function* () {
    const views = yield* ViewReads
    for (const id of ids(home)) {
      const known = yield* views.instance(id)
      if (known !== undefined && known.placement.startsWith(prefix)) return known.placement.slice(prefix.length)
    }
    return undefined
  }).pipe(Effect.provide(PgViewReads.layer))
