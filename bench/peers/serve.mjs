/**
 * What every peer's script is: a process that is told by its parent which load to put on itself, and answers with what
 * it measured. The loops are the same for all; a script only says how one call is made.
 */
import { performance } from "node:perf_hooks"

const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN

/** `inFlight` callers, each awaiting its answer before its next call, until `next` gives no more. */
const closedLoop = async (inFlight, next, call) => {
  const samples = []
  const startedAt = performance.now()
  const caller = async () => {
    for (let n = next(); n !== undefined; n = next()) {
      const sentAt = performance.now()
      await call(n)
      samples.push(performance.now() - sentAt)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, caller))
  const sorted = Float64Array.from(samples).sort()
  const seconds = (performance.now() - startedAt) / 1_000
  return {
    calls: samples.length,
    perSecond: samples.length / seconds,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99)
  }
}

/** Counts ends, and tells when so many more have come. */
export const counter = () => {
  let count = 0
  let waiting
  return {
    hit(by = 1) {
      count += by
      if (waiting !== undefined && count >= waiting.at) waiting.resolve()
    },
    reach(more) {
      return new Promise((resolve) => (waiting = { at: count + more, resolve }))
    }
  }
}

/**
 * `peer.task(n)`: one durable task, until it is done. `peer.submit(n)`: until it is accepted; `peer.drained(count)`:
 * when so many more are done. `peer.keyed(key)`: one durable call to the actor of that key. What a peer has not got it
 * leaves out.
 */
export const serve = (peer) => {
  let n = 0
  const loads = {
    task: ({ inFlight, seconds }) => timed(inFlight, seconds, () => peer.task(n++)),
    keyed: ({ inFlight, seconds }) => timed(inFlight, seconds, (at) => peer.keyed(`key-${at % 1_000}`)),
    hot: ({ inFlight, seconds }) => timed(inFlight, seconds, () => peer.keyed("hot")),
    drain: async ({ calls, inFlight }) => {
      const startedAt = performance.now()
      const drained = peer.drained(calls)
      let left = calls
      const submitted = await closedLoop(
        inFlight,
        () => (left > 0 ? left-- : undefined),
        () => peer.submit(n++)
      )
      await drained
      return { ...submitted, perSecond: (calls * 1_000) / (performance.now() - startedAt) }
    }
  }
  process.on("message", async ({ load, options }) => {
    try {
      process.send({ measured: await loads[load](options) })
    } catch (error) {
      process.send({ failed: String(error?.stack ?? error) })
    }
  })
  process.on("disconnect", () => process.exit(0))
  const can = ["task", ...(peer.submit ? ["drain"] : []), ...(peer.keyed ? ["keyed", "hot"] : [])]
  process.send({ ready: { version: peer.version, can, note: peer.note } })
}

const timed = (inFlight, seconds, call) => {
  const until = performance.now() + seconds * 1_000
  let n = 0
  return closedLoop(inFlight, () => (performance.now() < until ? n++ : undefined), call)
}
