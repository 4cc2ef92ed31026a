/**
 * I1: single owner. No row is committed under an epoch that a later epoch had replaced, and an actor's sequence has
 * neither gaps nor duplicates. I3: no request of an actor is committed twice.
 */
import { actorOf, checkOf, type Violation, type Watch } from "./History.ts"

export const watchOwnership = (): Watch => {
  const epochs = new Map<string, number>()
  const sequences = new Map<string, number>()
  const requests = new Set<string>()
  return (row) => {
    const violations: Array<Violation> = []
    const actor = actorOf(row)
    const highest = Math.max(epochs.get(row.shardId) ?? 0, row.granted ?? 0)
    if (row.epoch < highest) {
      violations.push({
        invariant: "I1",
        message: `${actor} wrote ${row.seq} under epoch ${row.epoch} of ${row.shardId} after epoch ${highest}`
      })
    }
    epochs.set(row.shardId, Math.max(highest, row.epoch))
    const last = sequences.get(actor)
    if (last !== undefined && row.seq !== last + 1) {
      violations.push({ invariant: "I1", message: `${actor} wrote ${row.seq} after ${last}` })
    }
    sequences.set(actor, row.seq)
    if (row.requestId === null) return violations
    const request = `${actor} ${row.requestId}`
    if (requests.has(request)) violations.push({ invariant: "I3", message: `${request} was done twice` })
    requests.add(request)
    return violations
  }
}

export const ownership = checkOf(watchOwnership)
