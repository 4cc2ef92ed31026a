/**
 * Deletes the gateway sessions of ended tasks and of closed sessions, with their transcripts; otherwise each task would
 * leave some 26 KB on the gateway's disk for ever. Sessions of runs that end here are checked soon after the end. A
 * periodic sweep goes through all sessions of the gateway, since the recorded ends are in memory only and a gateway may
 * have been unreachable. Sessions are deleted one at a time: each deletion is as much work for the gateway as a turn.
 */
import { Clock, Effect } from "effect"
import * as GatewayMetrics from "../../../observability/metrics/GatewayMetrics.ts"
import type { InstanceDriver } from "../../../instances/InstanceDriver.ts"
import type { GatewayLink, GatewaySession } from "../../../openclaw/GatewayLink.ts"
import { parseGatewaySessionKey } from "../../../schema/Ids.ts"
import type { RegisteredSpec } from "../../../schema/Instance.ts"
import { isInUse } from "../board/UnderWay.ts"
import { tidy } from "../InstancePolicy.ts"
import type { LinkPost } from "./LinkRegistry.ts"
import { type InstanceSelf } from "./RunAttempt.ts"
import { SessionUse, type Use } from "../../../ports/SessionUse.ts"

interface Tidied {
  readonly driver: InstanceDriver
  readonly link: GatewayLink
  readonly post: LinkPost
  readonly self: InstanceSelf
  readonly spec: RegisteredSpec
}

/** Never completes and never fails: sessions that cannot be deleted now are found again later. */
export const tidySessions = Effect.fnUntraced(function* (tidied: Tidied): Effect.fn.Return<never> {
  let sweptAt = yield* Clock.currentTimeMillis
  yield* abortGivenUp(tidied)
  while (true) {
    yield* Effect.sleep(tidy.every)
    if ((yield* tidied.link.status)._tag !== "connected") continue
    yield* abortGivenUp(tidied)
    const now = yield* Clock.currentTimeMillis
    yield* forget(tidied, tidied.post.endedBefore(now - tidy.after, tidy.atOnce), (use) => use === "ended")
    if (now - sweptAt < tidy.sweepEvery) continue
    sweptAt = now
    yield* sweep(tidied, now)
    yield* tidied.driver.tidy(tidied.spec)
  }
})

/**
 * Aborts runs that were given up, since a gateway that is back continues them although nobody waits for them any more:
 * under an id of its own, so the whole session is aborted when no run of ours is in it. A failed abort is not retried,
 * since each run has a time limit of its own.
 */
const abortGivenUp = Effect.fnUntraced(function* ({ link, post, self }: Tidied) {
  for (const [runId, sessionKey] of post.takeGivenUp()) {
    const isShared = isInUse(yield* self.state, post.board, sessionKey)
    yield* Effect.ignore(link.abort(sessionKey, isShared ? runId : undefined))
  }
})

/**
 * Goes through our sessions at the gateway, which lists the oldest last, at most `sweepPages` pages. A session that has
 * been idle for long is deleted when its task or session has ended; on a gateway of our own, also when neither exists
 * any more and it has been idle for as long as they are kept.
 */
const sweep = Effect.fnUntraced(function* (tidied: Tidied, now: number) {
  const own = tidied.spec.driver !== "remote"
  const { keptMillis } = yield* SessionUse
  let offset = 0
  for (let page = 0; page < tidy.sweepPages; page++) {
    const rows = yield* Effect.option(tidied.link.listSessions({ limit: tidy.atOnce, offset }))
    if (rows._tag === "None" || rows.value.length === 0) return
    const idle = rows.value.filter((row) => idleMillis(row, now) >= tidy.idle)
    const forgotten = new Set(idle.filter((row) => idleMillis(row, now) >= keptMillis).map(({ key }) => key))
    const keys = idle.map(({ key }) => key)
    const isSpent = (use: Use, key: string) => use === "ended" || (own && use === "unknown" && forgotten.has(key))
    const gone = yield* forget(tidied, keys, isSpent)
    if (rows.value.length < tidy.atOnce) return
    // The sessions behind this page have moved up by those that are gone.
    offset += rows.value.length - gone
  }
})

const idleMillis = ({ updatedAt }: GatewaySession, now: number): number =>
  updatedAt === undefined ? 0 : now - updatedAt

/**
 * Deletes the sessions among `keys` that are no longer wanted and in which nothing runs, and returns how many of them
 * the gateway has no more. Stops at the first failed deletion.
 */
const forget = Effect.fnUntraced(function* (
  { link, post, self }: Tidied,
  keys: ReadonlyArray<string>,
  spent: (use: Use, key: string) => boolean
) {
  const owned = keys.flatMap((key) => {
    const owner = parseGatewaySessionKey(key)
    return owner === undefined ? [] : [{ key, owner }]
  })
  if (owned.length === 0) return 0
  const uses = yield* Effect.option(
    Effect.flatMap(SessionUse, (sessions) => sessions.of(owned.map(({ owner }) => owner)))
  )
  if (uses._tag === "None") return 0
  let gone = 0
  for (const [at, { key }] of owned.entries()) {
    if (!spent(uses.value[at] ?? "wanted", key) || isInUse(yield* self.state, post.board, key)) continue
    const deleted = yield* Effect.option(link.deleteSession(key))
    if (deleted._tag === "None") return gone
    gone++
    if (deleted.value) yield* GatewayMetrics.sessionDeleted
  }
  return gone
})
