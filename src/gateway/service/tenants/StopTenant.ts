/**
 * Ends what a tenant has: cancels the tasks of its lanes in every phase, and aborts the turns of its sessions. Bounded
 * in time; what was not reached is counted, and the same call under another idempotency key goes on.
 */
import { Clock, Effect } from "effect"
import * as ActorClient from "../../../actor/ActorClient.ts"
import { Session } from "../../../entities/Session.ts"
import { ViewReads } from "../../../ports/ViewReads.ts"
import { sessionEntityId, type TenantId } from "../../../schema/Ids.ts"
import { pageSize } from "../../../schema/lists/Page.ts"
import { SessionStatus } from "../../../schema/Session.ts"
import { type Call, optionsOf } from "../RequestContext.ts"
import { Tasks } from "../tasks/Tasks.ts"

const sessionsAtOnce = 8
/**
 * Time spent on aborts; the cancel of tasks has a bound of its own. Reading past idle sessions does not count, so that
 * each call gets to some that are busy.
 */
const abortMillis = 4_000

const cancellable = ["pending", "scheduled", "retrying", "running"] as const

const isBusy = ({ phase, queued }: SessionStatus): boolean => phase === "active" || queued > 0

export const make = Effect.gen(function* () {
  const tasks = yield* Tasks
  const views = yield* ViewReads
  const sessionOf = yield* ActorClient.make(Session)

  const abort = Effect.fnUntraced(function* (call: Call, tenantId: TenantId) {
    const sum = { aborted: 0, remaining: 0 }
    let spent = 0
    let after: string | undefined
    do {
      const page = yield* views.list(Session, SessionStatus, { tenantId, after, limit: pageSize.most })
      const busy = page.items.filter(isBusy)
      if (spent >= abortMillis) sum.remaining += busy.length
      else {
        const since = yield* Clock.currentTimeMillis
        yield* Effect.forEach(
          busy,
          ({ sessionId }) =>
            sessionOf(sessionEntityId(tenantId, sessionId))
              .SessionAbort({ queued: true }, optionsOf(call))
              .pipe(Effect.catchTag("NotFound", () => Effect.void)),
          { concurrency: sessionsAtOnce, discard: true }
        )
        sum.aborted += busy.length
        spent += (yield* Clock.currentTimeMillis) - since
      }
      after = page.next
    } while (after !== undefined)
    return sum
  })

  return Effect.fnUntraced(function* (call: Call, tenantId: TenantId) {
    const { aborted, remaining } = yield* abort(call, tenantId)
    const cancels = yield* tasks.cancelMany(call, { tenantId, phases: cancellable })
    return { cancelled: cancels.cancelled, aborted, remaining: remaining + cancels.remaining }
  })
})
