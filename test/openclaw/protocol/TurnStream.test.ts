import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { AgentResponse, ChatHistory, type InboundFrame } from "../../../src/openclaw/protocol/GatewayFrames.ts"
import { messageOf } from "../../../src/openclaw/protocol/GatewayErrors.ts"
import type { TurnEnd, TurnProgress } from "../../../src/openclaw/GatewayLink.ts"
import { reconcileHistory } from "../../../src/openclaw/protocol/Reconcile.ts"
import { cut, gatewayBounds } from "../../../src/schema/text/Bounds.ts"
import { endOfWait, initialTurn, stepTurn, type TurnSign } from "../../../src/openclaw/protocol/TurnStream.ts"
import { captured } from "../CapturedFrames.ts"

const decodeResponse = Schema.decodeUnknownOption(AgentResponse)
const decodeHistory = Schema.decodeUnknownSync(ChatHistory)

const signOf = (frame: InboundFrame): ReadonlyArray<TurnSign> => {
  if (frame._tag === "Event") return [{ _tag: "Event", event: frame.event, payload: frame.payload }]
  const response = Option.getOrThrow(decodeResponse(frame.payload))
  return response.status === undefined || response.status === "accepted" || response.result === undefined
    ? []
    : [{ _tag: "Final", response, ok: frame.ok, message: messageOf(frame.error) }]
}

const runIdOf = (name: string): string => {
  const frame = captured(name).find((one) => one._tag === "Response")
  return (frame as { payload: { runId: string } }).payload.runId
}

const replay = (name: string, signs: ReadonlyArray<TurnSign>): ReadonlyArray<TurnProgress> => {
  const progress: Array<TurnProgress> = []
  let state = initialTurn(runIdOf(name))
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

  it("ends with what the events said when nothing more can be learnt", () => {
    const events = captured("agent-ok")
      .flatMap(signOf)
      .filter((sign) => sign._tag === "Event")
    assert.deepInclude(replay("agent-ok", events).at(-1), {
      _tag: "Ended",
      end: { status: "ok", text: "alpha beta gamma delta", stopReason: "stop" }
    })
  })

  it("ignores the frames of other runs", () => {
    const state = initialTurn("another-run")
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

const feed = (signs: ReadonlyArray<TurnSign>) => {
  let state = initialTurn("run")
  const progress: Array<TurnProgress> = []
  for (const sign of signs) {
    const [next, out] = stepTurn(state, sign)
    state = next
    progress.push(...out)
  }
  return progress
}

const Index = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 }))
const pick = (signs: ReadonlyArray<TurnSign>, index: number): TurnSign => signs[index % signs.length]!

describe("The terminal rule", () => {
  it.prop(
    "gives exactly one end, last, however signs are mixed and repeated",
    { picks: Schema.Array(Index), first: Index, later: Schema.Array(Index) },
    ({ first, later, picks }) => {
      const all = [...terminal, ...idle, { _tag: "Settle" } as const]
      const before = picks.map((index) => pick(idle, index))
      const after = later.map((index) => pick(all, index))
      const progress = feed([...before, pick(terminal, first), ...after, { _tag: "Settle" }])
      assert.strictEqual(progress.filter((one) => one._tag === "Ended").length, 1)
      assert.strictEqual(progress.at(-1)?._tag, "Ended")
    }
  )

  it.prop("gives no end without a terminal sign", { picks: Schema.Array(Index) }, ({ picks }) => {
    const progress = feed([...picks.map((index) => pick(idle, index)), { _tag: "Settle" }])
    assert.isTrue(progress.every((one) => one._tag !== "Ended"))
  })
})

/** Everything that a gateway says of one good run whose answer is `text`, of which `streamed` was streamed. */
const said = (text: string, streamed: string) => {
  const capped = text.slice(0, 4_095)
  const payload = { runId: "run", stream: "assistant", data: { text: streamed, delta: streamed } }
  const known = (end: TurnEnd): TurnSign => ({ _tag: "Known", end })
  return {
    stream: [
      { _tag: "Event", event: "agent", payload },
      agentEvent({ phase: "end", aborted: false, terminalReply: { text: capped } }),
      { _tag: "Event", event: "chat", payload: { runId: "run", state: "final", message: { content: streamed } } }
    ] satisfies ReadonlyArray<TurnSign>,
    whole: [
      {
        _tag: "Final",
        ok: true,
        message: "",
        response: { status: "ok", result: { payloads: [{ text }] } }
      },
      known({ status: "ok", text }),
      known(endOfHistory(text))
    ] satisfies ReadonlyArray<TurnSign>
  }
}

const endOfHistory = (text: string): TurnEnd => {
  const history = decodeHistory({
    messages: [
      { role: "user", content: "do", idempotencyKey: "run:user" },
      { role: "assistant", content: [{ type: "text", text }], stopReason: "stop", __openclaw: { runId: "run" } }
    ]
  })
  const found = reconcileHistory(history, "run")
  return found._tag === "done" ? found.end : { status: "error", text: "" }
}

describe("A result", () => {
  const Text = Schema.String.check(Schema.isMaxLength(50))
  it.prop(
    "is the same whichever way it is learnt, and whatever was streamed before",
    {
      text: Schema.NonEmptyString,
      more: Text,
      cutAt: Index,
      order: Schema.Array(Index),
      way: Index,
      long: Schema.Boolean
    },
    ({ cutAt, long, more, order, text, way }) => {
      const answer = cut(long ? text.repeat(5_000) : text, gatewayBounds.answer)
      for (const streamed of [answer, "", answer.slice(0, cutAt % answer.length), answer + more]) {
        const { stream, whole } = said(answer, streamed)
        const before = order.slice(0, 8).map((index) => pick([...stream, ...idle], index))
        const learnt = pick(whole, way)
        const progress = feed([...before, learnt, ...stream, ...whole, { _tag: "Settle" }])
        const ends = progress.flatMap((one) => (one._tag === "Ended" ? [one.end] : []))
        assert.deepStrictEqual(
          ends.map((end) => [end.status, end.text]),
          [["ok", answer]]
        )
      }
    }
  )

  it("keeps the reason that an event alone has", () => {
    const payload = { runId: "run", state: "error", errorMessage: "no", errorDetail: { failoverReason: "format" } }
    const final = { _tag: "Final", ok: false, message: "no", response: { status: "error", summary: "failed" } } as const
    const last = feed([{ _tag: "Event", event: "chat", payload }, final]).at(-1)
    assert.deepInclude(last?._tag === "Ended" ? last.end.failure : {}, { code: "PROVIDER_FORMAT", retryable: false })
  })

  it("takes a turn that was removed from its session's queue for aborted, not for failed", () => {
    const words = 'Command lane "session:agent:main:abort" cleared'
    const final = { _tag: "Final", ok: false, message: words, response: { status: "error" } } as const
    assert.deepStrictEqual(feed([final]).at(-1), { _tag: "Ended", end: { status: "aborted", text: "" } })
    assert.deepStrictEqual(endOfWait({ status: "error", endedAt: 1, error: words }), { status: "aborted", text: "" })
  })

  it("takes a turn that went on after an error for good", () => {
    const final = said("well", "").whole[0]!
    const last = feed([agentEvent({ phase: "error", error: "first model failed" }), final]).at(-1)
    assert.deepInclude(last, { _tag: "Ended", end: { status: "ok", text: "well" } })
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
