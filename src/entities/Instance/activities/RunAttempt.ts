/**
 * Runs one attempt at the gateway to its end, and reports the end once. An attempt that may have been sent before, by
 * this owner or an earlier one, is reconciled first and sent again only when the gateway does not have it. An attempt
 * that was certainly not sent is sent at once.
 */
import { Clock, Effect, HashMap, Option, Result, type Scope, Stream } from "effect"
import type { Self } from "../../../actor/ActorLayer.ts"
import {
  GatewayError,
  type GatewayLink,
  type Turn,
  type TurnEnd,
  type TurnProgress
} from "../../../openclaw/GatewayLink.ts"
import * as TaskSpan from "../../../observability/TaskSpan.ts"
import * as Traceparent from "../../../observability/Traceparent.ts"
import { attemptNumberOf, sessionOf } from "../../../schema/runs/Attempt.ts"
import type { InstanceId } from "../../../schema/Ids.ts"
import type { InstanceSpec } from "../../../schema/Instance.ts"
import {
  awayLimit,
  awayLimitOf,
  retryWait,
  silenceBefore,
  steadyLink,
  unansweredLimit,
  unavailableLimit
} from "../InstancePolicy.ts"
import type { InstanceSignal } from "../InstanceSignals.ts"
import type { InstanceState, Run } from "../InstanceState.ts"
import type { LinkPost } from "./LinkRegistry.ts"
import { Payloads } from "../../../ports/Payloads.ts"
import { keepOutput, patience } from "./KeepOutput.ts"
import {
  lost,
  lostCode,
  neverSent,
  ofEnd,
  ofError,
  payloadGone,
  unavailable,
  type Verdicted
} from "../runs/AttemptOutcomes.ts"
import { TurnReporter } from "./TurnReporter.ts"

export type InstanceSelf = Self<InstanceState, InstanceSignal>

export const runOf = (self: InstanceSelf, runId: string): Effect.Effect<Run | undefined> =>
  Effect.map(self.state, ({ runs }) => Option.getOrUndefined(HashMap.get(runs, runId)))

export const runAttempt = Effect.fnUntraced(function* (runId: string, self: InstanceSelf, post: LinkPost) {
  const run = yield* runOf(self, runId)
  if (run === undefined) return
  const maybeSent = run.epoch !== self.epoch || post.begun.has(runId)
  const reporter = new TurnReporter((progress) => self.report({ _tag: "RunProgress", runId, ...progress }))
  const spec = (yield* self.state).record?.spec
  const pursued = pursue(run, {
    post,
    reporter,
    maybeSent,
    sentLimit: awayLimitOf(spec, run.attempt),
    isOwner: self.isOwner,
    refusal: Effect.undefined
  })
  const { outcome, verdict } = asPolicy(yield* traced(spec?.instanceId, run, pursued), spec)
  if (outcome._tag === "failed" && outcome.error.code === lostCode) post.givenUp(runId, run.attempt.sessionKey)
  yield* self.report({ _tag: "RunEnded", runId, outcome: yield* keepOutput(run.attempt, outcome), verdict })
  post.begun.delete(runId)
  if (sessionOf(run.attempt) === undefined) post.ended(run.attempt.sessionKey, yield* Clock.currentTimeMillis)
})

/** The operator of a remote gateway may not want a run that it may still be running to be tried again. */
export const asPolicy = (found: Verdicted, spec: InstanceSpec | undefined): Verdicted => {
  const { outcome } = found
  const isLost = outcome._tag === "failed" && outcome.error.code === lostCode
  return isLost && spec?.driver === "remote" && spec.supervision?.whenAway === "fail"
    ? { ...found, outcome: { ...outcome, error: { ...outcome.error, retryable: false } } }
    : found
}

const endOf = ({ outcome }: Verdicted): TaskSpan.RunEnd => {
  switch (outcome._tag) {
    case "failed":
      return { status: outcome._tag, error: outcome.error }
    case "refused":
      return { status: outcome._tag, error: { code: "Refused", message: outcome.reason } }
    default:
      return { status: outcome._tag }
  }
}

/** Runs the effect in the trace of the attempt's submitter, or in a trace of its own. */
export const traced = <E, R>(
  instanceId: InstanceId | undefined,
  { attempt }: Pick<Run, "attempt">,
  effect: Effect.Effect<Verdicted, E, R>
) =>
  TaskSpan.run(
    {
      traceparent: attempt.traceparent,
      tenantId: attempt.tenantId,
      instanceId,
      taskId: attempt.taskId,
      turnId: attempt.turnId,
      sessionId: sessionOf(attempt),
      attempt: attemptNumberOf(attempt.runKey)
    },
    endOf
  )(effect)

export type Pursued = Pick<Run, "runId" | "attempt" | "acceptedAt" | "deadlineAt">

export interface Pursuit {
  readonly post: LinkPost
  readonly reporter: TurnReporter
  /** The gateway may have the run already. */
  readonly maybeSent: boolean
  /** Milliseconds for which a gateway that may have the run may be away. */
  readonly sentLimit: number
  readonly isOwner: () => boolean
  /** Asked when a run that may have been sent turns out to be unknown to the gateway: why it is not sent now. */
  readonly refusal: Effect.Effect<string | undefined>
}

export const pursue = Effect.fnUntraced(function* (
  run: Pursued,
  { isOwner, maybeSent: sentBefore, post, refusal, reporter, sentLimit }: Pursuit
): Effect.fn.Return<Verdicted, never, Payloads | Scope.Scope> {
  const text = yield* textOf(run)
  if (text === undefined) return payloadGone
  let maybeSent = sentBefore
  let wait = retryWait.first
  const troubles = new Troubles(yield* Clock.currentTimeMillis, sentLimit)
  while (true) {
    const from = yield* Clock.currentTimeMillis
    const limit = maybeSent ? sentLimit : awayLimit
    const link = yield* linkWithin(post, Math.max(0, troubles.awaySince + limit - from))
    if (link === undefined) return maybeSent ? lost(troubles.words) : neverSent("the gateway could not be reached")
    if (!isOwner()) return yield* Effect.never
    post.begun.add(run.runId)
    const traceparent = run.attempt.traceparent === undefined ? undefined : yield* Traceparent.current
    const started = yield* Clock.currentTimeMillis
    const turn = turnOf(run, text, started, traceparent)
    if (traceparent !== undefined) yield* TaskSpan.agentInvoked(turn.sessionKey)
    const step = yield* Effect.result(
      maybeSent ? resume(link, turn, reporter, refusal) : follow(link.run(turn), reporter)
    )
    maybeSent = true
    const now = yield* Clock.currentTimeMillis
    if (Result.isSuccess(step)) {
      return typeof step.success === "string" ? neverSent(step.success) : ofEnd(step.success, now - run.acceptedAt)
    }
    const error = step.failure
    const final = ofError(error) ?? troubles.after(error, started, now)
    if (final !== undefined) return final
    yield* Effect.sleep(Math.min(retryWait.last, Math.max(wait, error.retryAfterMillis ?? 0)))
    wait = Math.min(retryWait.last, wait * 2)
  }
})

/**
 * A connected link; undefined when there is none in time. Only a wait is given the time limit, which takes two fibers.
 */
const linkWithin = (post: LinkPost, millis: number): Effect.Effect<GatewayLink | undefined> =>
  Effect.flatMap(post.current, (link) =>
    link === undefined
      ? Effect.map(Effect.timeoutOption(post.connected, millis), Option.getOrUndefined)
      : Effect.succeed(link)
  )

/** Counts the errors of one attempt, and decides when they are enough to end it. */
class Troubles {
  /** Unix milliseconds at which the gateway was last reachable. */
  awaySince: number
  words = "it could not be reached"
  #unavailable = 0
  #unanswered = 0

  readonly #sentLimit: number

  constructor(now: number, sentLimit: number) {
    this.awaySince = now
    this.#sentLimit = sentLimit
  }

  after(error: GatewayError, started: number, now: number): Verdicted | undefined {
    this.words = error.message
    this.#unavailable = error.reason === "Unavailable" ? this.#unavailable + 1 : 0
    this.#unanswered = error.reason === "DeadlineExceeded" ? this.#unanswered + 1 : 0
    if (this.#unavailable >= unavailableLimit || this.#unanswered >= unansweredLimit) return unavailable(error)
    const there = error.reason === "Unavailable" || error.reason === "DeadlineExceeded"
    const silence = error.code === "SILENT" ? silenceBefore : 0
    if (there || now - started >= steadyLink) this.awaySince = now - silence
    return now - this.awaySince >= this.#sentLimit ? lost(this.words) : undefined
  }
}

type Text = { readonly message: string; readonly extraSystemPrompt?: string }

/** The text of the attempt, read from its row when it is long. Undefined when the row no longer exists. */
const textOf = Effect.fnUntraced(function* ({ attempt }: Pursued): Effect.fn.Return<Text | undefined, never, Payloads> {
  const { extraSystemPrompt, message } =
    attempt.message === undefined
      ? ((yield* Effect.orDie(Effect.retry((yield* Payloads).of(attempt), patience))) ?? {})
      : attempt
  return message === undefined
    ? undefined
    : { message, ...(extraSystemPrompt === undefined ? {} : { extraSystemPrompt }) }
})

const turnOf = (
  { attempt, deadlineAt, runId }: Pursued,
  text: Text,
  now: number,
  traceparent: string | undefined
): Turn => ({
  sessionKey: attempt.sessionKey,
  ...text,
  runKey: runId,
  timeoutSeconds: Math.max(1, Math.ceil((deadlineAt - now) / 1_000)),
  ...(attempt.model === undefined ? {} : { model: attempt.model }),
  ...(attempt.thinking === undefined ? {} : { thinking: attempt.thinking }),
  ...(traceparent === undefined ? {} : { traceparent })
})

/** A text says why a run that the gateway does not have is not sent. */
const resume = Effect.fnUntraced(function* (
  link: GatewayLink,
  turn: Turn,
  reporter: TurnReporter,
  refusal: Pursuit["refusal"]
): Effect.fn.Return<TurnEnd | string, GatewayError, Scope.Scope> {
  const found = yield* link.reconcile(turn)
  switch (found._tag) {
    case "done":
      return found.end
    case "absent":
      return (yield* refusal) ?? (yield* follow(link.run(turn), reporter))
    case "running":
    case "resuming":
      return yield* Effect.mapError(follow(link.attach(turn), reporter), notYet)
  }
})

/**
 * Between the gateway's restart and its resumption of a turn there is nothing to attach to, so this error is retried as
 * a lost connection.
 */
const notYet = (error: GatewayError): GatewayError =>
  error.reason === "InvalidRequest"
    ? new GatewayError({ reason: "ConnectionLost", message: error.message, retryable: true })
    : error

const cut = new GatewayError({
  reason: "ConnectionLost",
  message: "the turn's stream ended before the turn",
  retryable: true
})

const follow = (
  progress: Stream.Stream<TurnProgress, GatewayError>,
  reporter: TurnReporter
): Effect.Effect<TurnEnd, GatewayError, Scope.Scope> => {
  let end: TurnEnd | undefined
  const arrived = (chunk: ReadonlyArray<TurnProgress>) => {
    const last = chunk[chunk.length - 1]
    if (last?._tag !== "Ended") return reporter.report(chunk)
    end ??= last.end
    return Effect.void
  }
  return Effect.flatMap(Stream.runForEachArray(progress, arrived), () =>
    end === undefined ? Effect.fail(cut) : Effect.succeed(end)
  )
}
