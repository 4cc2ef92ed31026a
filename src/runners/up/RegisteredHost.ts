/**
 * Determines the host under which the instances of a home are registered, from the instance folders in the home. Used
 * for homes of an earlier version, which stored no name.
 */
import { Effect, Schema } from "effect"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { InstanceReads } from "../../ports/InstanceReads.ts"
import { hostPlacement, InstanceId } from "../../schema/Ids.ts"
import * as PgInstanceReads from "../../shards/reads/PgInstanceReads.ts"

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
    const reads = yield* InstanceReads
    for (const id of ids(home)) {
      const known = yield* reads.get(id)
      if (known !== undefined && known.placement.startsWith(prefix)) return known.placement.slice(prefix.length)
    }
    return undefined
  }).pipe(Effect.provide(PgInstanceReads.layer))
