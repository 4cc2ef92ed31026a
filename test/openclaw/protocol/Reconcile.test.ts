import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ChatHistory, type HistoryRow } from "../../../src/openclaw/protocol/GatewayFrames.ts"
import { needsOlder, reconcileHistory } from "../../../src/openclaw/protocol/Reconcile.ts"
import { captured } from "../CapturedFrames.ts"

const decode = Schema.decodeUnknownSync(ChatHistory)

const user = (key: string): HistoryRow => ({ role: "user", content: "do it", idempotencyKey: `${key}:user` })
const answer = (runId: string, stopReason = "stop", more: Partial<HistoryRow> = {}): HistoryRow => ({
  role: "assistant",
  content: [{ type: "text", text: `by ${runId}` }],
  stopReason,
  __openclaw: { runId },
  ...more
})
const resumption = (runId: string): HistoryRow => ({
  ...user(runId),
  provenance: { sourceTool: "main_session_restart_recovery" }
})
const history = (messages: ReadonlyArray<HistoryRow>, more: object = {}): ChatHistory =>
  decode({ messages, sessionInfo: { status: "done", hasActiveRun: false, activeRunIds: [] }, ...more })
const verdict = (of: ChatHistory) => reconcileHistory(of, "k")

describe("Reconcile on captured histories", () => {
  const [interrupted, resumed] = captured("history-after-crash").map((frame) => decode(frame.payload))
  const key = "897f5ac8-6814-4971-b5ae-4eb5dafe3ad4"

  it("sees after a crash that the gateway will go on with the turn", () => {
    assert.deepStrictEqual(reconcileHistory(interrupted!, key), { _tag: "resuming" })
  })

  it("finds the answer that the gateway gave under another run id", () => {
    const found = reconcileHistory(resumed!, key)
    assert.strictEqual(found._tag, "done")
    assert.deepInclude(found._tag === "done" ? found.end : {}, {
      status: "ok",
      text: "s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 s12 s13 s14 s15 s16"
    })
  })

  it("lets a key be sent that the gateway never saw", () => {
    assert.deepStrictEqual(reconcileHistory(resumed!, "never-sent"), { _tag: "absent" })
  })
})

describe("Reconcile", () => {
  it("takes a run for running while the gateway says so, whatever rows there are", () => {
    const inFlightRun = { runId: "k", text: "" }
    assert.strictEqual(verdict(history([user("k"), answer("k", "error")], { inFlightRun }))._tag, "running")
    assert.strictEqual(verdict(history([], { sessionInfo: { activeRunIds: ["j", "k"] } }))._tag, "running")
  })

  it("takes an accepted key that waits in the queue for running", () => {
    const pending = { inputReceipts: [{ runId: "k", state: "pending" }] }
    assert.strictEqual(verdict(history([], pending))._tag, "running")
    const queued = { pendingInputs: { items: [{ runId: "k", state: "queued" }] } }
    assert.strictEqual(verdict(history([], queued))._tag, "running")
  })

  it("ends a queued key that a restart interrupted with a failure that a new key may retry", () => {
    const found = verdict(
      history([], {
        inputReceipts: [{ runId: "k", state: "pending" }],
        pendingInputs: { items: [{ runId: "k", state: "interrupted" }] }
      })
    )
    assert.deepInclude(found._tag === "done" ? found.end.failure : {}, { code: "RUN_NEVER_BEGAN", retryable: true })
  })

  it("does not take a row that calls a tool for an answer", () => {
    const found = verdict(history([user("k"), answer("k", "toolUse")], { sessionInfo: { status: "running" } }))
    assert.deepStrictEqual(found, { _tag: "resuming" })
  })

  it("names the run that resumes the turn once it is known", () => {
    const rows = [user("k"), resumption("r1"), answer("r1", "toolUse"), resumption("r2")]
    const found = verdict(history(rows, { inFlightRun: { runId: "r2" } }))
    assert.deepStrictEqual(found, { _tag: "resuming", runId: "r2" })
  })

  it("does not take the next turn's answer for its own", () => {
    const found = verdict(history([user("k"), user("j"), answer("j")]))
    assert.strictEqual(found._tag, "unsettled")
  })

  it("asks for another reading when nothing runs and no answer is written", () => {
    assert.strictEqual(verdict(history([user("k"), resumption("r")]))._tag, "unsettled")
  })

  it("reads aborted, failed and timed out answers from their rows", () => {
    const status = (row: HistoryRow) => {
      const found = verdict(history([user("k"), row]))
      return found._tag === "done" ? found.end.status : found._tag
    }
    assert.strictEqual(status(answer("k", "stop", { openclawAbort: {} })), "aborted")
    assert.strictEqual(status(answer("k", "error")), "error")
    assert.strictEqual(status(answer("k", "aborted", { errorMessage: "request timed out" })), "timeout")
  })

  it("keeps from the provider's words whether a failure may pass", () => {
    const failed = (text: string) => {
      const found = verdict(history([user("k"), answer("k", "error", { errorMessage: text })]))
      return found._tag === "done" ? found.end.failure?.retryable : undefined
    }
    assert.isTrue(failed("provider internal error, HTTP 500"))
    assert.isFalse(failed("request format rejected, HTTP 400"))
  })

  it("sums the usage of all answers of the run", () => {
    const usage = { input: 10, output: 2, totalTokens: 12 }
    const found = verdict(history([user("k"), answer("k", "toolUse", { usage }), answer("k", "stop", { usage })]))
    assert.deepStrictEqual(found._tag === "done" ? found.end.usage : {}, {
      inputTokens: 20,
      outputTokens: 4,
      totalTokens: 24
    })
  })

  it("asks for older rows only while the key is not found", () => {
    assert.isTrue(needsOlder(history([user("j")], { hasMore: true }), "k"))
    assert.isFalse(needsOlder(history([user("k")], { hasMore: true }), "k"))
    assert.isFalse(needsOlder(history([user("j")]), "k"))
  })

  const Which = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 6 })))
  const others = [user("j"), answer("j"), answer("j", "error"), resumption("r"), answer("r"), answer("k", "toolUse")]

  it.prop(
    "never lets a key be sent again of which there is a trace",
    { before: Which, after: Which, status: Schema.Literals(["running", "done", "failed"]) },
    ({ after, before, status }) => {
      const rows = (which: ReadonlyArray<number>) => which.map((index) => others[index % others.length]!)
      const found = verdict(history([...rows(before), user("k"), ...rows(after)], { sessionInfo: { status } }))
      assert.notStrictEqual(found._tag, "absent")
    }
  )
})
