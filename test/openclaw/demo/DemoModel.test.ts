import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as DemoModel from "../../../src/openclaw/demo/DemoModel.ts"

const ask = (url: string, body: unknown) =>
  Effect.promise(async () => {
    const response = await fetch(`${url}/chat/completions`, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body)
    })
    return { status: response.status, text: await response.text() }
  })

const chat = (content: string) => ({ model: "demo-1", stream: true, messages: [{ role: "user", content }] })

const eventsOf = (text: string): ReadonlyArray<string> =>
  text.split("\n\n").flatMap((block) => (block.startsWith("data: ") ? [block.slice(6)] : []))

describe("DemoModel", () => {
  it.live("streams an answer as the events of a chat completion", () =>
    Effect.gen(function* () {
      const model = yield* DemoModel.make({})
      const { status, text } = yield* ask(model.url, chat("hello"))
      const events = eventsOf(text)
      const chunks = events.slice(0, -1).map((event) => JSON.parse(event))
      assert.strictEqual(status, 200)
      assert.strictEqual(events.at(-1), "[DONE]")
      const content = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")
      assert.strictEqual(content, "Demo answer to: hello")
      assert.strictEqual(chunks.at(-2).choices[0].finish_reason, "stop")
      assert.isAbove(chunks.at(-1).usage.total_tokens, 0)
    })
  )

  it.live("counts each message that reached it once, by its id", () =>
    Effect.gen(function* () {
      const model = yield* DemoModel.make({})
      yield* ask(model.url, chat("one [[id a]]"))
      yield* ask(model.url, chat("two [[id b]]"))
      yield* ask(model.url, chat("two [[id b]]"))
      const stats = yield* model.stats
      assert.deepStrictEqual(stats.byId, { a: 1, b: 2 })
      assert.strictEqual(stats.requests, 3)
      const served = yield* Effect.promise(() => fetch(model.url.replace("/v1", "/stats")).then((res) => res.json()))
      assert.deepStrictEqual(served, stats)
    })
  )

  it.live("refuses as told, and says what is wrong with a bad request", () =>
    Effect.gen(function* () {
      const model = yield* DemoModel.make({})
      assert.strictEqual((yield* ask(model.url, chat("[[error 503]]"))).status, 503)
      assert.strictEqual((yield* ask(model.url, "not json")).status, 400)
      const { status, text } = yield* ask(model.url, { messages: "none" })
      assert.strictEqual(status, 400)
      assert.include(text, "messages")
    })
  )

  it.live("says that its port is taken", () =>
    Effect.gen(function* () {
      const model = yield* DemoModel.make({})
      const error = yield* Effect.flip(DemoModel.make({ port: model.port }))
      assert.include(error.message, String(model.port))
    })
  )

  it.live("closes while an answer hangs", () =>
    Effect.gen(function* () {
      const model = yield* DemoModel.make({})
      const response = yield* Effect.promise(() =>
        fetch(`${model.url}/chat/completions`, { method: "POST", body: JSON.stringify(chat("[[hang]]")) })
      )
      return Effect.promise(() => response.text().catch(() => "cut"))
    }).pipe(
      Effect.scoped,
      Effect.flatMap((rest) => rest),
      Effect.map((rest) => assert.strictEqual(rest, "cut"))
    )
  )
})
