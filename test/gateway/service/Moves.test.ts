import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { InstanceReads } from "../../../src/ports/InstanceReads.ts"
import { Tokens, untilAnswered, Web, withInstance, world } from "../GatewayRig.ts"

/** Pages of one instance, so that two instances are as many as two pages. */
const shortPages = Layer.effect(
  InstanceReads,
  Effect.map(InstanceReads, (reads) =>
    InstanceReads.of({ ...reads, list: (options) => reads.list({ ...options, limit: 1 }) })
  )
)

const layer = Layer.mergeAll(Web.layer, Tokens.layer).pipe(Layer.provideMerge(shortPages), Layer.provideMerge(world))

describe("a move of a session", () => {
  it.live("finds an instance beyond the first page", () =>
    Effect.gen(function* () {
      const { tokens, web } = yield* withInstance
      const { acme: token, operator } = tokens
      yield* web.send("POST", "/api/v1/sessions", { token, body: { sessionId: "talk" } })
      yield* web.send("POST", "/api/v1/sessions/talk/turns", { token, body: { message: "hi" } })
      yield* untilAnswered(web.send("GET", "/api/v1/sessions/talk", { token }), ({ body }) => body.instanceId === "i1")
      const move = web.send("POST", "/api/v1/sessions/talk/move", { token, body: {} })
      assert.strictEqual((yield* move).status, 409)
      yield* web.send("POST", "/api/v1/instances", {
        token: operator,
        body: { instanceId: "i2", driver: "simulated" }
      })
      yield* untilAnswered(
        web.send("GET", "/api/v1/instances/i2/health", { token: operator }),
        ({ body }) => body.health === "healthy"
      )
      const moved = yield* untilAnswered(move, ({ status }) => status !== 409)
      assert.isBelow(moved.status, 300, moved.text)
    }).pipe(Effect.provide(layer))
  )
})
