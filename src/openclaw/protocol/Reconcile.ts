/**
 * Derives the state of a run key from the gateway's own records, so that a caller in doubt never sends a turn twice.
 * Pure.
 *
 * The transcript survives the gateway process: a user row carries `<key>:user`, an assistant row the run id. A key that
 * was accepted but is not yet in the transcript is a pending input. After a crash the gateway continues an interrupted
 * turn under a new run id, behind a user row of its own that names restart recovery as its source. A pending input that
 * a crash interrupted never runs, and the gateway refuses its key for ever: that run is over without having begun, so
 * it is `done` with a retryable failure, and a new attempt needs a new key.
 */
import { type ChatHistory, type HistoryRow, keyOf, textOf } from "./GatewayFrames.ts"
import type { Reconciled, TurnEnd } from "../GatewayLink.ts"
import { failureOf } from "./RunFailures.ts"
import { toCount } from "./BoundedFields.ts"
import { interrupted, timedOut, usageOf } from "./TurnStream.ts"

/**
 * `unsettled`: the user row exists, no run is active, and no answer is written (yet). The gateway writes a run's status
 * slightly before the answer's row, so the caller reads again, and uses `end` only when the verdict stays unsettled.
 */
export type Verdict = Reconciled | { readonly _tag: "unsettled"; readonly end: TurnEnd }

const recovery = "main_session_restart_recovery"

/** The verdict for one key from one read of the session. */
export const reconcileHistory = (history: ChatHistory, runKey: string): Verdict => {
  const active = activeRuns(history)
  if (active.has(runKey)) return { _tag: "running", runId: runKey }
  const at = history.messages.findIndex((row) => row.role === "user" && keyOf(row) === `${runKey}:user`)
  return at < 0 ? reconcilePending(history, runKey) : reconcileRows(history, runKey, at, active)
}

/** Whether older rows must be read before `absent` can be concluded. */
export const needsOlder = (history: ChatHistory, runKey: string): boolean =>
  history.messages.every((row) => keyOf(row) !== `${runKey}:user`) && history.hasMore === true

const activeRuns = (history: ChatHistory): ReadonlySet<string> =>
  new Set([
    ...(history.sessionInfo?.activeRunIds ?? []),
    ...(history.inFlightRun === undefined ? [] : [history.inFlightRun.runId])
  ])

const reconcilePending = (history: ChatHistory, runKey: string): Verdict => {
  const item = history.pendingInputs?.items.find((input) => input.runId === runKey)
  if (item?.state === "interrupted") return { _tag: "done", end: neverBegan }
  if (item?.state === "cancelled") return { _tag: "done", end: { status: "aborted", text: "" } }
  const receipt = history.inputReceipts?.find((input) => input.runId === runKey)
  return item !== undefined || receipt?.state === "pending" ? { _tag: "running", runId: runKey } : { _tag: "absent" }
}

const neverBegan: TurnEnd = {
  status: "error",
  text: "",
  failure: {
    code: "RUN_NEVER_BEGAN",
    message: "The gateway restarted while the turn waited in its queue: it never began. Send it again under a new key",
    retryable: true,
    excused: true
  }
}

const reconcileRows = (history: ChatHistory, runKey: string, at: number, active: ReadonlySet<string>): Verdict => {
  const later = history.messages.slice(at + 1)
  const next = later.findIndex((row) => row.role === "user" && row.provenance?.sourceTool !== recovery)
  const mine = next < 0 ? later : later.slice(0, next)
  const resumptions = mine.filter((row) => row.role === "user").map(runOfUserRow)
  const runs = [runKey, ...resumptions]
  const answer = mine.findLast((row) => isAnswer(row) && runs.includes(row.__openclaw?.runId ?? ""))
  const resumedBy = resumptions.findLast((runId) => active.has(runId))
  if (resumedBy !== undefined) return { _tag: "resuming", runId: resumedBy }
  const unfinished = next < 0 && goesOn(history)
  if (answer !== undefined && !(unfinished && answer.stopReason === "error")) {
    const rows = mine.filter((row) => row.role === "assistant" && runs.includes(row.__openclaw?.runId ?? ""))
    return { _tag: "done", end: { ...endOfRow(answer), ...usageOfRows(rows) } }
  }
  return unfinished ? resuming(active) : { _tag: "unsettled", end: abandoned }
}

/** The end of a run that was interrupted and that no other run continues. */
export const abandoned: TurnEnd = {
  status: "error",
  text: "",
  failure: {
    code: interrupted,
    message: "The gateway was interrupted in this turn and did not take it up again; its tools may have acted",
    retryable: false,
    excused: true
  }
}

const resuming = (active: ReadonlySet<string>): Verdict => {
  const [runId] = active
  return active.size === 1 && runId !== undefined ? { _tag: "resuming", runId } : { _tag: "resuming" }
}

const goesOn = (history: ChatHistory): boolean => {
  const info = history.sessionInfo
  return info?.hasActiveRun === true || info?.status === "running"
}

const runOfUserRow = (row: HistoryRow): string => (keyOf(row) ?? "").replace(/:user$/, "")

/** Whether an assistant row ends a run; a row that only calls tools does not. */
const isAnswer = (row: HistoryRow): boolean =>
  row.role === "assistant" && row.stopReason !== undefined && row.stopReason !== "toolUse"

const endOfRow = (row: HistoryRow): TurnEnd => {
  const text = textOf(row.content)
  if (row.openclawAbort !== undefined) return { status: "aborted", text }
  switch (row.stopReason) {
    case "error": {
      const message = row.errorMessage ?? text
      return { status: "error", text: "", failure: failureOf(undefined, message) }
    }
    case "aborted":
      return row.errorMessage?.includes("timed out") === true
        ? timedOut(text, row.errorMessage)
        : { status: "aborted", text }
    default:
      return { status: "ok", text, stopReason: row.stopReason ?? "stop" }
  }
}

const usageOfRows = (rows: ReadonlyArray<HistoryRow>): Pick<TurnEnd, "usage"> => {
  const sum = (count: (row: HistoryRow) => number | undefined) =>
    toCount(rows.reduce((total, row) => total + (count(row) ?? 0), 0))
  const total = sum((row) => row.usage?.totalTokens)
  return total === undefined || total === 0
    ? {}
    : {
        usage: usageOf(
          sum((row) => row.usage?.input),
          sum((row) => row.usage?.output),
          total
        )
      }
}
