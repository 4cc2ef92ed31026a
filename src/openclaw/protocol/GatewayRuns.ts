/**
 * Sends, follows and reconciles runs over a link. `TurnStream` and `Reconcile` make the decisions; this module does the
 * I/O. A stream belongs to one session: when the session is lost, the stream fails with its error, mostly
 * `ConnectionLost`, even if the gateway did not restart, and the caller reconciles.
 */
import { Deferred, Effect, Option, Queue, Result, Schema, Stream } from "effect"
import type { Cause, Scope } from "effect"
import { deadlineExceeded, fromErrorShape, messageOf } from "./GatewayErrors.ts"
import { AgentResponse, type ResponseFrame } from "./GatewayFrames.ts"
import { GatewayError, type Reconciled, type Turn, type TurnProgress } from "../GatewayLink.ts"
import type { GatewaySession, LinkLimits } from "./GatewaySession.ts"
import { abandoned } from "./Reconcile.ts"
import { awaitRun, look, lookMillis, type RunKey } from "./RunRecords.ts"
import { initialTurn, stepTurn, type TurnSign } from "./TurnStream.ts"

type Session = Effect.Effect<GatewaySession, GatewayError>
type Progress = Stream.Stream<TurnProgress, GatewayError>

/**
 * Milliseconds that `Ended` waits for the final response after a terminal event, before the records are read instead.
 */
const settleMillis = 1000
/** Reads of records that do not show the end yet, before the end is taken from the event. */
const settleLooks = 10
/** Timeout of one `agent.wait` in milliseconds; the call returns at once when the run ends. */
const waitMillis = 5000
/**
 * Reads of an interrupted session without an active run, before the run is given up. The gateway resumes within
 * seconds.
 */
const idleLooks = 240
/**
 * Untaken progress items in the queue, above which text, phases and usage are dropped. Dropped text costs nothing,
 * because text is cumulative.
 */
const maxUntaken = 1024
/** Maximum characters of untaken text; each item has the whole answer so far. */
const maxUntakenText = 1_048_576
/** Untaken items above which only `Ended` is kept. */
const maxUntakenTools = 2048

/** Sends the turn and streams its progress to the end. Interrupting the stream does not stop the run. */
export const run = (session: Session, limits: LinkLimits, turn: Turn): Progress =>
  Stream.callback((queue) =>
    Effect.gen(function* () {
      const link = yield* session
      const feed = yield* feedOf(link, limits, queue, turn)
      const accepted = yield* Deferred.make<"accepted" | "in_flight", GatewayError>()
      const onResponse = (response: ResponseFrame): void => {
        const decoded = readResponse(response)
        if (decoded.status === "accepted" || decoded.status === "in_flight") {
          Deferred.doneUnsafe(accepted, Effect.succeed(decoded.status))
          return
        }
        if (decoded.status === undefined) {
          Deferred.doneUnsafe(accepted, Effect.fail(fromErrorShape("agent", response.error)))
          return
        }
        Deferred.doneUnsafe(accepted, Effect.succeed("accepted"))
        feed.sign({ _tag: "Final", response: decoded, ok: response.ok, message: messageOf(response.error) })
      }
      yield* link.open("agent", agentParams(turn), onResponse, { traceparent: turn.traceparent })
      const status = yield* Effect.raceFirst(Deferred.await(accepted), link.lost).pipe(
        Effect.timeoutOrElse({
          duration: limits.requestMillis,
          orElse: () => Effect.fail(deadlineExceeded("agent: being accepted by the gateway", limits.requestMillis))
        })
      )
      feed.start(link.hello.bootId)
      if (status === "in_flight") yield* follow(link, turn, feed)
    })
  )

/** Follows a run that was sent earlier, including under the run id with which the gateway resumes it. Sends nothing. */
export const attach = (session: Session, limits: LinkLimits, turn: Turn): Progress =>
  Stream.callback((queue) =>
    Effect.gen(function* () {
      const link = yield* session
      const feed = yield* feedOf(link, limits, queue, turn)
      feed.start(link.hello.bootId)
      yield* follow(link, turn, feed)
    })
  )

/** Determines the state of a run key from the gateway's memory and its transcript. */
export const reconcile = Effect.fnUntraced(function* (
  session: Session,
  turn: RunKey
): Effect.fn.Return<Reconciled, GatewayError> {
  const link = yield* session
  return (yield* look(link, turn)).verdict
})

interface Feed {
  /** Emits `Accepted`, then the progress that arrived before it. */
  readonly start: (bootId: string) => void
  readonly sign: (sign: TurnSign) => void
}

/** Feeds the reducer with events and the queue with the resulting progress; ends the queue when the turn ends. */
const feedOf = Effect.fnUntraced(function* (
  link: GatewaySession,
  limits: LinkLimits,
  queue: Queue.Queue<TurnProgress, GatewayError | Cause.Done>,
  turn: RunKey
): Effect.fn.Return<Feed, never, Scope.Scope> {
  const settling = yield* Deferred.make<void>()
  let state = initialTurn(turn.runKey)
  let held: Array<TurnProgress> | undefined = []
  /** Characters of text since the queue was last empty. A single item may be longer than the bound. */
  let untakenText = 0
  const keeps = (item: TurnProgress, untaken: number): boolean => {
    if (untaken === 0) untakenText = 0
    const length = item._tag === "TextDelta" ? item.text.length : 0
    const isTooLong = length > 0 && untakenText > 0 && untakenText + length > maxUntakenText
    if (isTooLong || untaken >= mostUntaken(item)) return false
    untakenText += length
    return true
  }
  const put = (progress: ReadonlyArray<TurnProgress>): void => {
    for (const item of progress) {
      if (keeps(item, Queue.sizeUnsafe(queue))) Queue.offerUnsafe(queue, item)
    }
    if (state.done) Queue.endUnsafe(queue)
  }
  const sign = (given: TurnSign): void => {
    const [next, progress] = stepTurn(state, given)
    state = next
    if (state.end !== undefined && !state.done) Deferred.doneUnsafe(settling, Effect.void)
    if (held === undefined) put(progress)
    else for (const item of progress) if (keeps(item, held.length)) held.push(item)
  }
  yield* link.listen(({ event, payload }) => sign({ _tag: "Event", event, payload }))
  yield* Effect.forkScoped(
    Deferred.await(settling).pipe(
      Effect.andThen(Effect.sleep(settleMillis)),
      Effect.andThen(Effect.suspend(() => (state.done ? Effect.void : settle(link, turn, sign)))),
      Effect.catch((error) => Queue.fail(queue, error))
    )
  )
  yield* Effect.forkScoped(
    Effect.catch(Effect.raceFirst(link.lost, tooLong(limits, turn.runKey)), (error) => Queue.fail(queue, error))
  )
  const start = (bootId: string): void => {
    const early = held ?? []
    held = undefined
    put([{ _tag: "Accepted", runId: state.runId, bootId }, ...early])
  }
  return { start, sign }
})

const mostUntaken = ({ _tag }: TurnProgress): number => {
  if (_tag === "Ended") return Infinity
  return _tag === "ToolStarted" || _tag === "ToolEnded" ? maxUntakenTools : maxUntaken
}

/**
 * Reads the complete end from the gateway's records. A lost link fails the stream, so that its caller reconciles. When
 * the records have nothing more, the end from the event is used.
 */
const settle = Effect.fnUntraced(function* (link: GatewaySession, turn: RunKey, sign: Feed["sign"]) {
  for (let looks = 0; looks < settleLooks; looks++) {
    const looked = yield* Effect.result(look(link, turn))
    if (Result.isFailure(looked)) {
      if (isLost(looked.failure)) return yield* looked.failure
      break
    }
    const { verdict } = looked.success
    if (verdict._tag === "done") return sign({ _tag: "Known", end: verdict.end })
    if (verdict._tag === "absent") break
    yield* Effect.sleep(lookMillis)
  }
  sign({ _tag: "Settle" })
})

const isLost = ({ reason }: GatewayError): boolean =>
  reason === "ConnectionLost" || reason === "FrameTooLarge" || reason === "Closed"

const tooLong = (limits: LinkLimits, runId: string) =>
  Effect.andThen(Effect.sleep(limits.runMillis), Effect.fail(deadlineExceeded(`Run ${runId}`, limits.runMillis)))

const follow = Effect.fnUntraced(function* (link: GatewaySession, turn: RunKey, feed: Feed) {
  for (let idle = 0; ;) {
    const { text, verdict } = yield* look(link, turn)
    switch (verdict._tag) {
      case "absent":
        return yield* unknownRun(turn)
      case "done":
        return feed.sign({ _tag: "Known", end: verdict.end })
      case "running":
      case "resuming": {
        if (verdict.runId === undefined) {
          if (++idle > idleLooks) return feed.sign({ _tag: "Known", end: abandoned })
          yield* Effect.sleep(lookMillis)
          break
        }
        idle = 0
        feed.sign({ _tag: "InFlight", runId: verdict.runId, text })
        yield* awaitRun(link, verdict.runId, waitMillis)
      }
    }
  }
})

const unknownRun = (turn: RunKey): GatewayError =>
  new GatewayError({
    reason: "InvalidRequest",
    code: "RUN_UNKNOWN",
    message: `The gateway knows no run ${turn.runKey} in session ${turn.sessionKey}: it was not accepted, send it`,
    retryable: false
  })

const decodeResponse = Schema.decodeUnknownOption(AgentResponse)

const readResponse = (response: ResponseFrame): AgentResponse =>
  Option.getOrElse(decodeResponse(response.payload), () => ({}))

const agentParams = (turn: Turn) => ({
  sessionKey: turn.sessionKey,
  message: turn.message,
  idempotencyKey: turn.runKey,
  ...(turn.timeoutSeconds === undefined ? {} : { timeout: turn.timeoutSeconds }),
  ...(turn.model === undefined ? {} : { model: turn.model }),
  ...(turn.thinking === undefined ? {} : { thinking: turn.thinking }),
  ...(turn.extraSystemPrompt === undefined ? {} : { extraSystemPrompt: turn.extraSystemPrompt })
})
