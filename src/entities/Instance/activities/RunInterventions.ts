/**
 * Interventions in a running attempt: it is aborted, or a message is steered into it. Both complete by themselves,
 * whatever the gateway does.
 */
import { Effect, HashMap, Option } from "effect"
import type { GatewayLink } from "../../../openclaw/GatewayLink.ts"
import { abortLinkWait } from "../InstancePolicy.ts"
import type { Run } from "../InstanceState.ts"
import type { LinkPost } from "./LinkRegistry.ts"
import { type InstanceSelf, runOf } from "./RunAttempt.ts"

const requestLimit = "5 seconds"

/** Idempotency key of a steered message. */
const messageKey = (runId: string, steerKey: string): string => `${runId}+${steerKey}`

/** All keys under which a turn or a message of these runs may have been sent. */
export const sendKeys = (runs: Iterable<Run>): ReadonlySet<string> => {
  const keys = new Set<string>()
  for (const { runId, steerings } of runs) {
    keys.add(runId)
    for (const { steerKey } of steerings) keys.add(messageKey(runId, steerKey))
  }
  return keys
}

/**
 * The run to abort at the gateway; undefined aborts the whole session. A run that the gateway did not end in time may
 * never have begun, because something else occupies its session there: a steered message that became a turn of its own
 * has no time limit of ours. So after a timeout the whole session is aborted, unless another run of ours is in it.
 */
const abortedKey = ({ abort, attempt, runId }: Run, runs: Iterable<Run>): string | undefined => {
  const isShared = [...runs].some((other) => other.runId !== runId && other.attempt.sessionKey === attempt.sessionKey)
  return abort?.cause === "timeout" && !isShared ? undefined : runId
}

/**
/**
 * Sends the abort if the gateway can be reached within `abortLinkWait`. Success: it was sent, or is made up for when
 * the gateway is back, which goes on with the run by itself. `abortedKey`: undefined aborts the whole session.
 */
export const abortTurn = Effect.fnUntraced(function* (
  post: LinkPost,
  runId: string,
  sessionKey: string,
  abortedKey: string | undefined
) {
  const link = yield* Effect.timeoutOption(post.connected, abortLinkWait)
  if (Option.isNone(link)) return post.givenUp(runId, sessionKey)
  yield* link.value.abort(sessionKey, abortedKey).pipe(
    Effect.timeout(requestLimit),
    Effect.tapError((error) => Effect.logWarning("A run could not be aborted at its gateway", error)),
    Effect.ignore
  )
})

/** Sends the abort if the gateway can be reached. The run ends in either case. */
export const abortAtGateway = Effect.fnUntraced(function* (runId: string, self: InstanceSelf, post: LinkPost) {
  const run = yield* runOf(self, runId)
  if (run === undefined) return
  const { runs } = yield* self.state
  yield* abortTurn(post, runId, run.attempt.sessionKey, abortedKey(run, HashMap.values(runs)))
  yield* self.report({ _tag: "RunEnded", runId, outcome: { _tag: "aborted" }, verdict: "neutral" })
  post.begun.delete(runId)
})

/**
 * Sends the message. A message that may have been sent before is reconciled first, and sent again only when the session
 * does not have it.
 */
export const steerAtGateway = Effect.fnUntraced(function* (
  runId: string,
  steerKey: string,
  self: InstanceSelf,
  post: LinkPost
) {
  const run = yield* runOf(self, runId)
  const steering = run?.steerings.find((candidate) => candidate.steerKey === steerKey)
  if (run === undefined || steering === undefined) return
  const message = {
    sessionKey: run.attempt.sessionKey,
    message: steering.message,
    runKey: messageKey(runId, steerKey),
    queueMode: steering.queueMode
  }
  const maybeSent = steering.epoch !== self.epoch || post.begun.has(message.runKey)
  const deliver = (link: GatewayLink) =>
    Effect.flatMap(maybeSent ? link.reconcile(message) : Effect.succeed({ _tag: "absent" as const }), (found) =>
      found._tag === "absent" ? link.send(message) : Effect.void
    )
  const refused = yield* post.connected.pipe(
    Effect.tap(() => Effect.sync(() => post.begun.add(message.runKey))),
    Effect.flatMap(deliver),
    Effect.timeout(abortLinkWait),
    Effect.match({ onSuccess: () => undefined, onFailure: ({ message }) => message })
  )
  yield* self.report({ _tag: "SteerEnded", runId, steerKey, ...(refused === undefined ? {} : { refused }) })
  post.begun.delete(message.runKey)
})
