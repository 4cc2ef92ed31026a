/**
 * Reads the gateway's records of a run key: the session's transcript, its pending inputs, and the memory of the gateway
 * process. `Reconcile` derives the verdict from them.
 */
import { Effect } from "effect"
import { AgentWait, ChatHistory, ChatMessage, decodePayload, type HistoryRow, keyOf } from "./GatewayFrames.ts"
import { GatewayError, type Reconciled, type Turn } from "../GatewayLink.ts"
import type { GatewaySession } from "./GatewaySession.ts"
import { needsOlder, reconcileHistory } from "./Reconcile.ts"
import { endOfWait } from "./TurnStream.ts"

export type RunKey = Pick<Turn, "sessionKey" | "runKey">

/** Reads before an unsettled verdict is accepted, and the milliseconds between them. */
const unsettledReadings = 10
export const lookMillis = 500
const historyRows = 200
const historyPages = 25
/**
 * From this many characters on `agent.wait` may have truncated the reply; the transcript has all of it a moment later.
 */
const rememberedMost = 4_000
/** Maximum rows read one by one, because the gateway left them out of a page for their size (128 KiB). */
const largeRows = 8
const largeChars = 2_000_000

export interface Look {
  readonly verdict: Reconciled
  /** The run's text so far, while it is running. */
  readonly text: string
}

/** Reads until the verdict is settled, at most `unsettledReadings` times. */
export const look = Effect.fnUntraced(function* (
  link: GatewaySession,
  turn: RunKey
): Effect.fn.Return<Look, GatewayError> {
  for (let reading = 1; ; reading++) {
    const history = yield* readHistory(link, turn)
    const verdict = reconcileHistory(history, turn.runKey)
    if (verdict._tag === "done" || verdict._tag === "running") {
      return { verdict, text: textOfRun(history, verdict) }
    }
    const remembered = endOfWait(yield* awaitRun(link, turn.runKey, 0))
    const settled = reading >= unsettledReadings || verdict._tag !== "unsettled"
    if (remembered !== undefined && (settled || remembered.text.length < rememberedMost)) {
      return { verdict: { _tag: "done", end: remembered }, text: "" }
    }
    if (verdict._tag !== "unsettled") return { verdict, text: textOfRun(history, verdict) }
    if (reading >= unsettledReadings) return { verdict: { _tag: "done", end: verdict.end }, text: "" }
    yield* Effect.sleep(lookMillis)
  }
})

const textOfRun = (history: ChatHistory, verdict: Reconciled): string => {
  const { inFlightRun } = history
  const runId = verdict._tag === "running" || verdict._tag === "resuming" ? verdict.runId : undefined
  return inFlightRun !== undefined && inFlightRun.runId === runId ? (inFlightRun.text ?? "") : ""
}

/** Waits for a run to end, at most `timeoutMs`. */
export const awaitRun = (link: GatewaySession, runId: string, timeoutMs: number) =>
  link
    .request("agent.wait", { runId, timeoutMs }, { deadlineMillis: timeoutMs + 30_000 })
    .pipe(Effect.flatMap(decodePayload("agent.wait", AgentWait)))

/** Reads the newest page, and older pages while the key may still be in them. */
const readHistory = Effect.fnUntraced(function* (
  link: GatewaySession,
  turn: RunKey
): Effect.fn.Return<ChatHistory, GatewayError> {
  let history = yield* readPage(link, turn, {})
  for (let page = 1; needsOlder(history, turn.runKey); page++) {
    if (page > historyPages) return yield* tooOld(turn)
    const older = yield* readPage(link, turn, { offset: page * historyRows })
    history = { ...history, messages: [...older.messages, ...history.messages], hasMore: older.hasMore ?? false }
  }
  let before = history.pendingInputs?.nextBefore
  for (let page = 1; before !== undefined && page <= historyPages && waitsUnseen(history, turn); page++) {
    const older = yield* readPage(link, turn, { pendingBefore: before })
    history = { ...history, ...(older.pendingInputs === undefined ? {} : { pendingInputs: older.pendingInputs }) }
    before = older.pendingInputs?.nextBefore
  }
  return yield* withLargeRows(link, turn, history)
})

/**
 * Answers above 128 KiB arrive as placeholders without their run id. This reads each of them by itself and puts the
 * whole row in the placeholder's place.
 */
const withLargeRows = Effect.fnUntraced(function* (
  link: GatewaySession,
  turn: RunKey,
  history: ChatHistory
): Effect.fn.Return<ChatHistory, GatewayError> {
  const at = history.messages.findIndex((row) => keyOf(row) === `${turn.runKey}:user`)
  const large = history.messages
    .slice(at + 1)
    .flatMap(({ __openclaw }) => (__openclaw?.truncated === true && __openclaw.id !== undefined ? [__openclaw.id] : []))
    .slice(0, at < 0 ? 0 : largeRows)
  if (large.length === 0) return history
  const read = new Map<string, HistoryRow>()
  for (const messageId of large) {
    const { message } = yield* link
      .request("chat.message.get", { sessionKey: turn.sessionKey, messageId, maxChars: largeChars })
      .pipe(Effect.flatMap(decodePayload("chat.message.get", ChatMessage)))
    if (message !== undefined) read.set(messageId, message)
  }
  return { ...history, messages: history.messages.map((row) => read.get(row.__openclaw?.id ?? "") ?? row) }
})

const readPage = (
  link: GatewaySession,
  turn: RunKey,
  page: { readonly offset?: number; readonly pendingBefore?: number }
) =>
  link
    .request("chat.history", {
      sessionKey: turn.sessionKey,
      limit: historyRows,
      maxChars: 500_000,
      inputRunIds: [turn.runKey],
      ...page
    })
    .pipe(Effect.flatMap(decodePayload("chat.history", ChatHistory)))

/**
 * Whether the key has a pending receipt but is not on this page of pending inputs, so that its state is still unknown.
 */
const waitsUnseen = (history: ChatHistory, turn: RunKey): boolean =>
  history.inputReceipts?.some((receipt) => receipt.runId === turn.runKey && receipt.state === "pending") === true &&
  history.pendingInputs?.items.every((item) => item.runId !== turn.runKey) === true

const tooOld = (turn: RunKey): GatewayError =>
  new GatewayError({
    reason: "Unavailable",
    code: "HISTORY_TOO_LONG",
    message:
      `Session ${turn.sessionKey} has more than ${historyPages * historyRows} messages, and run ${turn.runKey} is not in ` +
      "the newest of them: whether it ran cannot be told",
    retryable: false
  })
