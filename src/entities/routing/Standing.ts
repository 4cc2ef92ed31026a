/**
 * How an instance stands with the earlier attempts at the same work: the backup that was named for it goes first, and
 * instances on which it was tried in vain go last, the one that failed last behind all others. It is an order and not a
 * filter: where nothing else is eligible, the work is tried there again.
 */
import type { InstanceId } from "../../schema/Ids.ts"
import type { Tried } from "../../schema/runs/Tried.ts"

/** The lower one goes first. */
export const standingOf = (tried: Tried | undefined, instanceId: InstanceId): number => {
  if (tried === undefined) return 0
  const failed = tried.instances.indexOf(instanceId)
  if (failed >= 0) return failed + 1
  return instanceId === tried.backup ? -1 : 0
}

/** Maximum instances that an explanation names. */
const namedMost = 3

/** What the earlier attempts had to do with the choice, to be added to its explanation; empty when nothing. */
export const explainStanding = (tried: Tried | undefined, chosen: InstanceId): string => {
  if (tried === undefined) return ""
  const standing = standingOf(tried, chosen)
  if (standing > 0) return "; earlier attempts failed there and wherever else it is eligible"
  const { length } = tried.instances
  const names = tried.instances.slice(-namedMost).join(", ")
  const rest = length > namedMost ? ` and ${length - namedMost} more` : ""
  const last = length === 0 ? "" : `; put last: ${names}${rest}, where earlier attempts failed`
  return standing < 0 ? `; its named backup${last}` : last
}
