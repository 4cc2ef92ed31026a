import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { AgentResponse, type InboundFrame } from "../../src/openclaw/GatewayFrames.ts"
import type { TurnProgress } from "../../src/openclaw/GatewayLink.ts"
import { endOfWait, initialTurn, stepTurn, type TurnSign } from "../../src/openclaw/TurnStream.ts"
import { captured } from "./CapturedFrames.ts"

const decodeResponse = Schema.decodeUnknownOption(AgentResponse)

const signOf = (frame: InboundFrame): ReadonlyArray<TurnSign> => {
  if (frame._tag === "Event") return [{ _tag: "Event", event: frame.event, payload: frame.payload }]
  const response = Option.getOrThrow(decodeResponse(frame.payload))
  return response.status === undefined || response.status === "accepted" || response.result === undefined
    ? []
    : [{ _tag: "Final", response, ok: frame.ok, message: frame.error?.message ?? "" }]
}

const runIdOf = (name: string): string => {
  const frame = captured(name).find((one) => one._tag === "Response")
  return (frame as { payload: { runId: string } }).payload.runId
}

const replay = (name: string, signs: ReadonlyArray<TurnSign>, answered = true): ReadonlyArray<TurnProgress> => {
  const progress: Array<TurnProgress> = []
  let state = initialTurn(runIdOf(name), answered)
  for (const sign of [...signs, { _tag: "Settle" } as const]) {
    const [next, out] = stepTurn(state, sign)
    state = next
    progress.push(...out)
  }
  return progress
}

const ofCase = (name: string) => replay(name, captured(name).flatMap(signOf))

const tags = (progress: ReadonlyArray<TurnProgress>) => progress.map((one) => one._tag)

describe("TurnStream on captured frames", () => {
  it("streams a good turn as phases, cumulative text and one end with its usage", () => {
    const progress = ofCase("agent-ok")
    assert.deepStrictEqual(tags(progress), ["Phase", "Phase", "TextDelta", "TextDelta", "TextDelta", "Usage", "Ended"])
    assert.deepStrictEqual(progress.at(-1), {
      _tag: "Ended",
      end: {
        status: "ok",
        text: "alpha beta gamma delta",
        stopReason: "stop",
        usage: { inputTokens: 9092, outputTokens: 12, totalTokens: 9104 }
      }
    })
  })

  it("tells each tool call once at its start and once at its end", () => {
    const tools = ofCase("agent-tool").filter((one) => one._tag === "ToolStarted" || one._tag === "ToolEnded")
    assert.deepStrictEqual(tools, [
      { _tag: "ToolStarted", toolCallId: "call_7", name: "exec" },
      { _tag: "ToolEnded", toolCallId: "call_7", name: "exec", isError: false }
    ])
  })

  it("takes a provider's refusal for a failure that is not worth repeating", () => {
    const last = ofCase("agent-400").at(-1)
    assert.deepInclude(last, { _tag: "Ended" })
    const end = last?._tag === "Ended" ? last.end : undefined
    assert.strictEqual(end?.status, "error")
    assert.deepInclude(end?.failure, { code: "PROVIDER_FORMAT", retryable: false })
  })

  it("keeps the partial text of an aborted turn, though an error follows", () => {
    const last = ofCase("agent-abort").at(-1)
    assert.deepStrictEqual(last, { _tag: "Ended", end: { status: "aborted", text: "tok0 tok1", stopReason: "rpc" } })
  })

  it("tells a turn that reached its own time limit from one that failed", () => {
    const last = ofCase("agent-timeout").at(-1)
    assert.strictEqual(last?._tag === "Ended" ? last.end.status : "", "timeout")
  })

  it("ends at the first event when no response is expected", () => {
    const signs = captured("agent-ok").flatMap(signOf)
    const events = signs.filter((sign) => sign._tag === "Event")
    assert.deepStrictEqual(
      tags(replay("agent-ok", events, false)).filter((tag) => tag === "Ended"),
      ["Ended"]
    )
  })

  it("ignores the frames of other runs", () => {
    const state = initialTurn("another-run", true)
    for (const sign of captured("agent-ok").flatMap(signOf)) {
      if (sign._tag === "Event") assert.deepStrictEqual(stepTurn(state, sign), [state, []])
    }
  })
})

const finals: ReadonlyArray<TurnSign> = ["agent-ok", "agent-abort", "agent-400", "agent-timeout"].flatMap((name) =>
  captured(name).flatMap((frame) => {
    if (frame._tag === "Event") return []
    const response = Option.getOrThrow(decodeResponse(frame.payload))
    return response.status === "accepted" ? [] : [{ _tag: "Final" as const, response, ok: frame.ok, message: "" }]
  })
)

const terminal: ReadonlyArray<TurnSign> = [
  ...finals,
  agentEvent({ phase: "end", aborted: false }),
  agentEvent({ phase: "end", status: "cancelled", aborted: true }),
  agentEvent({ phase: "error", error: "no" }),
  agentEvent({ phase: "error", error: "late", timeoutPhase: "provider" }),
  chatEvent("final"),
  chatEvent("aborted"),
  chatEvent("error"),
  { _tag: "Known", end: { status: "ok", text: "known" } }
]

const idle: ReadonlyArray<TurnSign> = [
  agentEvent({ phase: "start" }),
  agentEvent({ phase: "finishing" }),
  agentEvent({ phase: "finishing", error: "provider said no" }),
  agentEvent({ phase: "model", provider: "demo" }),
  chatEvent("delta"),
  { _tag: "Event", event: "agent", payload: { runId: "run", stream: "assistant", data: { text: "a", delta: "a" } } },
  { _tag: "Event", event: "agent", payload: "garbage" },
  { _tag: "Event", event: "tick", payload: { ts: 1 } },
  { _tag: "InFlight", runId: "run", text: "a" }
]

function agentEvent(data: object): TurnSign {
  return { _tag: "Event", event: "agent", payload: { runId: "run", stream: "lifecycle", data } }
}

function chatEvent(state: string): TurnSign {
  return { _tag: "Event", event: "chat", payload: { runId: "run", state } }
}

const feed = (signs: ReadonlyArray<TurnSign>, answered: boolean) => {
  let state = initialTurn("run", answered)
  const progress: Array<TurnProgress> = []
  const statuses: Array<string | undefined> = []
  for (const sign of signs) {
    const [next, out] = stepTurn(state, sign)
    state = next
    progress.push(...out)
    statuses.push(state.end?.status)
  }
  return { progress, statuses, state }
}

const Index = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 }))
const pick = (signs: ReadonlyArray<TurnSign>, index: number): TurnSign => signs[index % signs.length]!

describe("The terminal rule", () => {
  it.prop(
    "gives exactly one end, last, with the status of the first sign, however signs are mixed and repeated",
    { picks: Schema.Array(Index), first: Index, later: Schema.Array(Index), answered: Schema.Boolean },
    ({ answered, first, later, picks }) => {
      const all = [...terminal, ...idle, { _tag: "Settle" } as const]
      const before = picks.map((index) => pick(idle, index))
      const sign = pick(terminal, first)
      const signs = [...before, sign, ...later.map((index) => pick(all, index)), { _tag: "Settle" } as const]
      const { progress, statuses } = feed(signs, answered)
      const ends = progress.filter((one) => one._tag === "Ended")
      assert.strictEqual(ends.length, 1)
      assert.strictEqual(progress.at(-1)?._tag, "Ended")
      assert.strictEqual(ends[0]?._tag === "Ended" ? ends[0].end.status : "", statuses[before.length])
    }
  )

  it.prop("gives no end without a terminal sign", { picks: Schema.Array(Index) }, ({ picks }) => {
    const { progress } = feed([...picks.map((index) => pick(idle, index)), { _tag: "Settle" }], true)
    assert.isTrue(progress.every((one) => one._tag !== "Ended"))
  })
})

describe("endOfWait", () => {
  it("takes a timeout without an end for a run that goes on, or that nobody knows", () => {
    assert.isUndefined(endOfWait({ status: "timeout" }))
    assert.isUndefined(endOfWait({ status: "pending", timeoutPhase: "queue" }))
  })

  it("reads the end of good, failed, aborted and timed out runs", () => {
    const status = (wait: Parameters<typeof endOfWait>[0]) => endOfWait({ endedAt: 1, ...wait })?.status
    assert.strictEqual(status({ status: "ok", terminalReply: { text: "hi" } }), "ok")
    assert.strictEqual(status({ status: "error", error: "no" }), "error")
    assert.strictEqual(status({ status: "error", stopReason: "rpc" }), "aborted")
    assert.strictEqual(status({ status: "timeout", timeoutPhase: "provider" }), "timeout")
  })
})
