import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { fromClose, fromErrorShape, messageOf } from "../../../src/openclaw/protocol/GatewayErrors.ts"
import {
  AgentEvent,
  AgentResponse,
  AgentWait,
  ChatEvent,
  ChatHistory,
  decodePayload,
  HelloOk,
  parseFrame,
  textOf
} from "../../../src/openclaw/protocol/GatewayFrames.ts"
import { greet } from "../../../src/openclaw/protocol/Handshake.ts"
import { reconcileHistory } from "../../../src/openclaw/protocol/Reconcile.ts"
import { endOfWait, initialTurn, stepTurn } from "../../../src/openclaw/protocol/TurnStream.ts"
import { bounds, gatewayBounds } from "../../../src/schema/text/Bounds.ts"

const schemas = { AgentEvent, AgentResponse, AgentWait, ChatEvent, ChatHistory, HelloOk }
const decoders = Object.entries(schemas).map(
  ([name, schema]) => [name, Schema.decodeUnknownOption(schema as unknown as Schema.Codec<unknown>)] as const
)

/** Names that frames use, so that odd values meet the fields which are read. */
const fields = [
  ..."runId stream data phase status error text delta name toolCallId inputTokens outputTokens usage input output total role".split(
    " "
  ),
  ..."content type messages result payloads meta agentMeta summary state message errorMessage errorDetail failoverReason".split(
    " "
  ),
  ..."terminalReply endedAt sessionInfo activeRunIds inFlightRun pendingInputs items inputReceipts idempotencyKey".split(
    " "
  ),
  ..."__openclaw stopReason timeoutPhase protocol server version bootId connId auth scopes policy maxPayload tickIntervalMs".split(
    " "
  ),
  ..."code details reason retryable retryAfterMs".split(" ")
]

const Leaf = Schema.Union([
  Schema.String,
  Schema.Finite,
  Schema.Boolean,
  Schema.Null,
  Schema.Literals([
    "user",
    "assistant",
    "lifecycle",
    "end",
    "ok",
    "timeout",
    "run",
    "run:user",
    "\u0000",
    "\ud800",
    "error"
  ])
])
const Size = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))
const Shape = Schema.Array(Schema.Tuple([Size, Leaf, Size]))

/** Any JSON over those names: nested, repeated, with texts that are too long and numbers that JSON cannot carry. */
const jsonOf = (shape: typeof Shape.Type): unknown => {
  const root: Record<string, unknown> = {
    runId: "run",
    stream: "lifecycle",
    status: "ok",
    role: "user",
    state: "error",
    code: "X",
    message: "m"
  }
  let at: Record<string, unknown> = root
  for (const [index, leaf, size] of shape) {
    const name = fields[index % fields.length]!
    const values: ReadonlyArray<unknown> = [
      leaf,
      "x".repeat(size),
      Number.POSITIVE_INFINITY,
      -size,
      size * 1e12,
      [leaf, root["data"], null],
      {}
    ]
    const value = values[size % values.length]
    at[name] = value
    if (typeof value === "object" && value !== null && !Array.isArray(value)) at = value as Record<string, unknown>
  }
  return root
}

const longest = (value: unknown): number => {
  if (typeof value === "string") return value.length
  if (typeof value !== "object" || value === null) return 0
  return Object.values(value).reduce<number>((most, part) => Math.max(most, longest(part)), 0)
}

const numbersOf = (value: unknown): ReadonlyArray<number> => {
  if (typeof value === "number") return [value]
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(numbersOf) : []
}

const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`
const huge = "e".repeat(20_000_000)
const dirty = `a\u0000b\ud800${huge}`

describe("What a gateway may say", () => {
  it.prop(
    "is read within bounds or not at all, whatever JSON it is, and ends no process",
    { shape: Shape },
    ({ shape }) => {
      const json = jsonOf(shape)
      for (const [name, decode] of decoders) {
        const read = Option.getOrUndefined(decode(json))
        assert.isAtMost(longest(read), gatewayBounds.answer, name)
        if (name !== "HelloOk")
          for (const number of numbersOf(read)) assert.isTrue(number >= 0 && number <= gatewayBounds.count, name)
      }
      const error = fromErrorShape("agent", json)
      assert.isAtMost(error.message.length, bounds.errorMessage)
      assert.isAtMost((error.code ?? "").length, bounds.errorCode)
      assert.isAtMost(error.retryAfterMillis ?? 0, gatewayBounds.delayMillis)
      const history = Option.getOrUndefined(Schema.decodeUnknownOption(ChatHistory)(json))
      if (history !== undefined) reconcileHistory(history, "run")
      const wait = Option.getOrUndefined(Schema.decodeUnknownOption(AgentWait)(json))
      if (wait !== undefined) endOfWait(wait)
      for (const event of ["agent", "chat"]) stepTurn(initialTurn("run"), { _tag: "Event", event, payload: json })
    }
  )

  it("may be nested as deep as a frame allows", () => {
    const text = `{"type":"res","id":"1","ok":false,"error":{"code":"X","message":"m","details":{"code":${nested(2_000_000)}}}}`
    const frame = parseFrame(text)
    assert.strictEqual(frame?._tag, "Response")
    assert.strictEqual(fromErrorShape("agent", frame?._tag === "Response" ? frame.error : undefined).reason, "Failed")
    const deep = JSON.parse(nested(1_000_000)) as unknown
    for (const [, decode] of decoders) decode({ runId: deep, data: deep, messages: deep, result: deep, server: deep })
  })

  it("may have 20 million characters, which are cut, marked, and can be stored", () => {
    const error = fromErrorShape("agent", { code: dirty, message: dirty, retryAfterMs: Number.POSITIVE_INFINITY })
    assert.isAtMost(error.message.length, bounds.errorMessage)
    assert.include(error.message, "[cut: 20000004 characters]")
    assert.isTrue(error.message.isWellFormed() && !error.message.includes("\u0000"))
    assert.strictEqual(error.retryAfterMillis, gatewayBounds.delayMillis)
    assert.isAtMost(messageOf({ code: "c", message: huge }).length, bounds.errorMessage)
    const end = endOfWait({
      status: "error",
      endedAt: 1,
      error: fromErrorShape("x", { code: "c", message: huge }).message
    })
    assert.isAtMost(end?.failure?.message.length ?? 0, bounds.errorMessage)
    assert.isAtMost(textOf([{ text: huge }, { text: huge }]).length, gatewayBounds.answer)
  })

  it.effect("is never repeated in the error about its shape", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(decodePayload("connect", HelloOk)({ protocol: huge, [huge]: huge }))
      assert.isAtMost(error.message.length, bounds.errorMessage)
      assert.include(error.message, "protocol")
    })
  )

  it("has a tick that notices silence in time, whatever interval it names", () => {
    const hello = (tickIntervalMs: number) =>
      greet(
        "ws://h/",
        Schema.decodeUnknownSync(HelloOk)({
          protocol: 4,
          server: { version: huge, bootId: huge, connId: huge },
          auth: { scopes: ["operator.read", "operator.write", "operator.admin"] },
          policy: { maxPayload: 1, tickIntervalMs }
        }),
        { least: 1_000, most: 60_000 }
      )
    for (const [said, held] of [
      [0, 1_000],
      [-5, 1_000],
      [1e300, 60_000],
      [30_000, 30_000]
    ] as const) {
      assert.deepInclude(hello(said), { tickIntervalMillis: held })
    }
    assert.isAtMost(longest(hello(1)), gatewayBounds.id)
  })

  it("is no authentication failure when a frame was too large", () => {
    const error = fromClose("ws://h/", { code: 1006, reason: huge, tooLargeBytes: 5 }, false)
    assert.deepInclude(error, { reason: "FrameTooLarge", retryable: true })
  })
})
