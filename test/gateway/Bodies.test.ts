import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { bodiesMost } from "../../src/gateway/http/Bodies.ts"
import { requestBytes } from "../../src/schema/Bounds.ts"
import { layer, Tokens, Web } from "./GatewayBench.ts"

describe("long bodies of requests under way", () => {
  it.live("are refused beyond what they may be together, with a delay; short ones and later ones are not", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const token = (yield* Tokens).acme
      const ask = { token, body: { tasks: [{ payload: { message: "hi" } }] } }
      const headers = { "content-length": String(requestBytes.bulk) }
      const long = web.send("POST", "/api/v1/tasks/bulk", { ...ask, headers })
      const fit = bodiesMost / requestBytes.bulk
      const [answers, short] = yield* Effect.all(
        [
          Effect.all(Array.from({ length: fit + 4 }, () => long), { concurrency: "unbounded" }),
          web.send("POST", "/api/v1/tasks/bulk", ask)
        ],
        { concurrency: "unbounded" }
      )
      assert.isBelow(short.status, 300)
      const refused = answers.filter(({ status }) => status === 429)
      assert.deepStrictEqual([refused.length, answers.length - refused.length], [4, fit])
      assert.strictEqual(refused[0]!.body.code, "Overloaded")
      assert.strictEqual(refused[0]!.body.retryAfterMillis, 1_000)
      assert.strictEqual(refused[0]!.headers.get("connection"), "close")
      assert.isBelow((yield* long).status, 300)
    }).pipe(Effect.provide(layer))
  )
})
