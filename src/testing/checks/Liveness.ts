/**
 * I14: once all faults have healed, every shard of a placement that has machines gets one live owner, and no message to
 * such a placement waits in an outbox. The watcher reports only at the end of a run; `unsettled` is also called during
 * the run, to detect when that is the case.
 */
import type { Violation } from "./History.ts"
import type { Observation, Watcher } from "./Observation.ts"

const sample = (names: ReadonlyArray<string>) =>
  `${names.slice(0, 5).join(", ")}${names.length > 5 ? ` and ${names.length - 5} more` : ""}`

export const placementOf = (shardId: string): string => shardId.slice(0, shardId.lastIndexOf(":"))

export const unsettled = ({ now, runners, servedSince, shards, store }: Observation): ReadonlyArray<string> => {
  const alive = new Set(
    [...runners].filter(([, { healthy, leaseUntil }]) => healthy && leaseUntil >= now).map(([name]) => name)
  )
  const orphans = [...shards]
    .filter(([shardId, { owner }]) => servedSince.has(placementOf(shardId)) && (owner === null || !alive.has(owner)))
    .map(([shardId]) => shardId)
  const isReachable = ({ targetId, targetType }: { readonly targetType: string; readonly targetId: string }) => {
    const target = store.actors.get(`${targetType}/${targetId}`)
    return target === undefined || servedSince.has(placementOf(target.address.shardId))
  }
  const waiting = [...store.actors]
    .filter(([, { outbox }]) => [...outbox.values()].some(isReachable))
    .map(([actor]) => actor)
  return [
    ...(orphans.length === 0 ? [] : [`shards without a living owner: ${sample(orphans)}`]),
    ...(waiting.length === 0 ? [] : [`actors with messages to relay: ${sample(waiting)}`])
  ]
}

export const settled =
  (): Watcher =>
  (observation): ReadonlyArray<Violation> =>
    observation.end ? unsettled(observation).map((message) => ({ invariant: "I14", message })) : []
