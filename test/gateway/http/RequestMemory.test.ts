import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Latch, Layer } from "effect"
import { Authenticator } from "../../../src/auth/Authenticator.ts"
import * as AuthenticationLayer from "../../../src/gateway/http/AuthenticationLayer.ts"
import { memoryMost } from "../../../src/gateway/http/RequestMemory.ts"
import { Authentication } from "../../../src/rpc/Authentication.ts"
import { ClientRpcs } from "../../../src/rpc/ClientRpcs.ts"
import { requestBytes } from "../../../src/schema/text/Bounds.ts"
import { layer, Tokens, Web } from "../GatewayRig.ts"

describe("long bodies of requests under way", () => {
  it.live("are refused beyond what they may be together, with a delay; short ones and later ones are not", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const token = (yield* Tokens).acme
      const ask = { token, body: { tasks: [{ payload: { message: "hi" } }] } }
      const headers = { "content-length": String(requestBytes.bulk) }
      const long = web.send("POST", "/api/v1/tasks/bulk", { ...ask, headers })
      const fit = memoryMost / requestBytes.bulk
      const [answers, short] = yield* Effect.all(
        [
          Effect.all(
            Array.from({ length: fit + 4 }, () => long),
            { concurrency: "unbounded" }
          ),
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

describe("what the RPCs under way say", () => {
  it.effect(
    "is refused beyond an amount, with a delay, whichever socket it came by; short ones and later ones are not",
    () =>
      Effect.gen(function* () {
        const gate = yield* Latch.make()
        const authenticator = Layer.mock(Authenticator, {
          authenticateHeader: () => Effect.as(gate.await, { keyId: "k", name: "root", role: "admin" } as never)
        })
        const context = yield* Layer.build(AuthenticationLayer.layer.pipe(Layer.provide(authenticator)))
        const middleware = Context.get(context, Authentication) as unknown as (
          handler: Effect.Effect<string>,
          request: object
        ) => Effect.Effect<string, { readonly _tag: string; readonly retryAfterMillis?: number }>
        const rpc = [...ClientRpcs.requests.values()].find(({ _tag }) => _tag === "SubmitTasks")
        assert.isDefined(rpc)
        const ask = (length: number) =>
          middleware(Effect.succeed("done"), { rpc, headers: {}, payload: { message: "x".repeat(length) } })
        const long = ask(memoryMost / 4 - 1_000)
        const waiting = yield* Effect.forEach([1, 2, 3, 4], () => Effect.forkChild(long, { startImmediately: true }))
        const refused = yield* Effect.flip(long)
        assert.deepStrictEqual([refused._tag, refused.retryAfterMillis], ["ActorUnavailable", 1_000])
        const short = yield* Effect.forkChild(ask(1_000), { startImmediately: true })
        yield* gate.open
        assert.deepStrictEqual(yield* Fiber.joinAll([...waiting, short]), ["done", "done", "done", "done", "done"])
        assert.strictEqual(yield* long, "done")
      })
  )
})
