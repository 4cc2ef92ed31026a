/**
 * A small OpenAI-compatible model on 127.0.0.1, for trying Clawster without an API key and for tests. It answers at
 * once, from the text alone (see `DemoReply`), and counts the requests it received, so that a test can assert "exactly
 * once".
 *
 * `POST /v1/chat/completions` streams server-sent events, `GET /v1/models` lists the one model, `GET /stats` returns
 * the counts.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { ByteSize, Clock, Effect, Option, Result, Schema, Stream } from "effect"
import type { Scope } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { ChatRequest, type DemoReply, type Reading, readConversation } from "./DemoReply.ts"
import type { ModelProvider } from "../GatewayConfig.ts"

/** Requests that reached the model. The maps keep the last 10,000 keys; an evicted key counts from one again. */
export interface DemoStats {
  /** Chat requests of any kind. */
  readonly requests: number
  /** Fresh requests by `[[id X]]`: no tool results, no resumptions; a provider retry counts again. */
  readonly byId: Readonly<Record<string, number>>
  /** Fresh requests by the user's text without directives, cut at 200 characters. */
  readonly byText: Readonly<Record<string, number>>
  /** Requests by `[[id X]]` that a gateway made to resume a turn after its own restart. */
  readonly resumedById: Readonly<Record<string, number>>
}

export interface DemoModel {
  readonly port: number
  /** Base URL for a provider configuration, ends in `/v1`. */
  readonly url: string
  readonly stats: Effect.Effect<DemoStats>
  /** The provider entry that makes a gateway use this model. */
  readonly provider: ModelProvider
}

export class DemoModelUnavailable extends Schema.TaggedError<DemoModelUnavailable>()("DemoModelUnavailable", {
  message: Schema.String,
  cause: Schema.Defect()
}) {}

const maxKeys = 10_000
const maxTextLength = 200
const maxHangMillis = 3_600_000
const modelName = "demo-1"

/** Serves until the scope closes. Port 0, the default, picks a free port. */
export const make = Effect.fn("DemoModel.make")(function* (options: {
  readonly port?: number
}): Effect.fn.Return<DemoModel, DemoModelUnavailable, Scope.Scope> {
  const counts: Counts = { requests: 0, byId: new Map(), byText: new Map(), resumedById: new Map() }
  const server = createServer()
  const http = yield* NodeHttpServer.make(() => server, {
    port: options.port ?? 0,
    host: "127.0.0.1",
    gracefulShutdownTimeout: "1 second"
  }).pipe(
    Effect.mapError(
      (cause) =>
        new DemoModelUnavailable({
          message: `The demo model cannot listen on 127.0.0.1:${options.port ?? 0}. Is the port in use?`,
          cause
        })
    )
  )
  yield* http.serve(app(counts))
  yield* Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
  const port = http.address._tag === "UnixPathAddress" ? 0 : http.address.port
  const url = `http://127.0.0.1:${port}/v1`
  return {
    port,
    url,
    stats: Effect.sync(() => statsOf(counts)),
    provider: { name: "demo", baseUrl: url, apiKey: "demo-key", model: modelName }
  }
})

interface Counts {
  requests: number
  readonly byId: Map<string, number>
  readonly byText: Map<string, number>
  readonly resumedById: Map<string, number>
}

const count = (counts: Counts, reading: Reading): void => {
  counts.requests += 1
  if (reading.fresh) increment(counts.byId, reading.id)
  if (reading.fresh) increment(counts.byText, reading.text.slice(0, maxTextLength))
  if (reading.resumed) increment(counts.resumedById, reading.id)
}

const increment = (counts: Map<string, number>, key: string | undefined): void => {
  if (key === undefined) return
  counts.set(key, (counts.get(key) ?? 0) + 1)
  if (counts.size > maxKeys) counts.delete(counts.keys().next().value!)
}

const statsOf = (counts: Counts): DemoStats => ({
  requests: counts.requests,
  byId: Object.fromEntries(counts.byId),
  byText: Object.fromEntries(counts.byText),
  resumedById: Object.fromEntries(counts.resumedById)
})

const decodeRequest = Schema.decodeUnknownResult(ChatRequest)

const app = Effect.fnUntraced(
  function* (counts: Counts) {
    const request = yield* HttpServerRequest.HttpServerRequest
    const path = request.url.split("?")[0]
    if (request.method === "GET" && path === "/stats") {
      return HttpServerResponse.jsonUnsafe(statsOf(counts))
    }
    if (request.method === "GET" && path === "/v1/models") {
      return HttpServerResponse.jsonUnsafe({
        object: "list",
        data: [{ id: modelName, object: "model", owned_by: "demo" }]
      })
    }
    if (request.method !== "POST" || path !== "/v1/chat/completions") return refusal(404, `Nothing at ${path}`)
    const body = yield* Effect.option(request.json)
    if (Option.isNone(body)) return refusal(400, "The body is not JSON, or is larger than 64 MiB")
    const decoded = decodeRequest(body.value)
    if (Result.isFailure(decoded)) return refusal(400, String(decoded.failure))
    const reading = readConversation(decoded.success)
    count(counts, reading)
    const created = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    return respond(reading.reply, {
      id: `chatcmpl-${counts.requests}`,
      created,
      model: decoded.success.model ?? modelName
    })
  },
  Effect.provideService(HttpServerRequest.MaxBodySize, ByteSize.mebibytes(64))
)

interface Completion {
  readonly id: string
  readonly created: number
  readonly model: string
}

const respond = (reply: DemoReply, completion: Completion): HttpServerResponse.HttpServerResponse => {
  switch (reply._tag) {
    case "Refuse":
      return refusal(reply.status, `The demo model was told to answer ${reply.status}`)
    case "Hang":
      return events(
        Stream.concat(
          Stream.make(chunk(completion, { delta: { role: "assistant", content: "Thinking" } })),
          Stream.drain(Stream.fromEffect(Effect.sleep(maxHangMillis)))
        )
      )
    case "CallTool":
      return events(
        Stream.make(
          chunk(completion, { delta: { role: "assistant", content: null, tool_calls: [toolCall(completion, reply)] } }),
          ...ending(completion, "tool_calls", 12)
        )
      )
    case "Say":
      return events(
        Stream.fromIterable(reply.chunks).pipe(
          Stream.mapEffect((content) =>
            Effect.as(
              Effect.sleep(reply.overMillis / reply.chunks.length),
              chunk(completion, { delta: { role: "assistant", content } })
            )
          ),
          Stream.concat(Stream.fromIterable(ending(completion, "stop", reply.chunks.length)))
        )
      )
  }
}

const toolCall = (completion: Completion, reply: Extract<DemoReply, { _tag: "CallTool" }>) => ({
  index: 0,
  id: `call_${completion.id}`,
  type: "function",
  function: { name: reply.name, arguments: JSON.stringify(reply.args) }
})

const chunk = (completion: Completion, choice: object) => ({
  ...completion,
  object: "chat.completion.chunk",
  choices: [{ index: 0, finish_reason: null, ...choice }]
})

const ending = (completion: Completion, reason: string, outputTokens: number): ReadonlyArray<object> => [
  chunk(completion, { delta: {}, finish_reason: reason }),
  {
    ...completion,
    object: "chat.completion.chunk",
    choices: [],
    usage: { prompt_tokens: 100, completion_tokens: outputTokens, total_tokens: 100 + outputTokens }
  }
]

const events = (chunks: Stream.Stream<object>): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.stream(
    chunks.pipe(
      Stream.map((value) => `data: ${JSON.stringify(value)}\n\n`),
      Stream.concat(Stream.make("data: [DONE]\n\n")),
      Stream.encodeText
    ),
    { contentType: "text/event-stream", headers: { "cache-control": "no-cache" } }
  )

const refusal = (status: number, message: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe({ error: { message, type: "demo_model", code: `demo_${status}` } }, { status })
