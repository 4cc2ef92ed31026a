/**
 * Handles a batch of which the store has refused some content. Each part of its mail is decided and committed
 * separately, so that only the invalid part fails (RefusedCommit.ts).
 */
import { Effect } from "effect"
import * as ActorMetrics from "../../observability/metrics/ActorMetrics.ts"
import type { Timer } from "../Actor.ts"
import { apart, refusalOf } from "../commit/RefusedCommit.ts"
import type { Setbacks } from "../commit/Setbacks.ts"
import type { ActorAddress, CommitFailed, StoreUnavailable } from "../Journal.ts"
import type { Mail } from "./Mailbox.ts"

export const isRefused = (failure: CommitFailed | StoreUnavailable): failure is CommitFailed =>
  failure._tag === "CommitFailed" && failure.reason === "Refused"

interface Means {
  readonly address: ActorAddress
  readonly setbacks: Setbacks
  /** Unix milliseconds. */
  readonly now: () => number
  readonly timers: () => ReadonlyArray<Timer>
  /** Decides and commits one part. */
  readonly run: (part: Mail) => Effect.Effect<void, CommitFailed | StoreUnavailable>
  /** Is told the mail that has no answer yet. */
  readonly left: (mails: ReadonlyArray<Mail>) => void
}

export const decideApart = Effect.fnUntraced(function* (mails: ReadonlyArray<Mail>, means: Means) {
  const { address, left, now, run, setbacks, timers } = means
  for (const [index, mail] of mails.entries()) {
    left(mails.slice(index))
    const at = now()
    const due = timers().filter((timer) => timer.at <= at && !setbacks.isPutOff(timer.key, at))
    const { answer, isOver, parts } = apart(
      mail,
      due.map(({ key }) => key)
    )
    for (const part of parts) {
      if (isOver()) break
      yield* Effect.catchIf(run(part), isRefused, (failure) => refused(part, failure, means))
    }
    answer()
  }
  left([])
  yield* reported(setbacks, address)
})

/** A refused message becomes a dead one; the store has held its payload before, so it holds it again. */
const refused = (
  mail: Mail,
  failure: CommitFailed,
  means: Means
): Effect.Effect<void, CommitFailed | StoreUnavailable> => {
  if (mail._tag === "Delivery" && mail.unstorable === undefined) {
    const dead = { ...mail, unstorable: failure.message }
    return Effect.catchIf(means.run(dead), isRefused, (again) => refused(dead, again, means))
  }
  return Effect.sync(() => refusalOf(mail, failure, means.now(), means.setbacks))
}

/** Logs and counts the setbacks that have not been reported yet. */
export const reported = (setbacks: Setbacks, { entityId, entityType }: ActorAddress): Effect.Effect<void> =>
  Effect.suspend(() =>
    Effect.forEach(
      setbacks.take(),
      ({ becomes, cause, what }) =>
        Effect.andThen(
          ActorMetrics.setBack(entityType),
          Effect.logError(`An actor cannot take ${what}: ${becomes}`, cause)
        ),
      { discard: true }
    )
  ).pipe(Effect.annotateLogs({ entityType, entityId }))
