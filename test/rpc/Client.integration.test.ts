import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientError } from "effect/http"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { ClawsterClient, type ClientOptions } from "../../src/client.ts"
import { EdgeConfig } from "../../src/gateway/EdgeConfig.ts"
import { InstanceId, SessionId, TaskId, TenantId } from "../../src/schema/Ids.ts"
import * as TcpProxy from "../fixtures/servers/TcpProxy.ts"
import { until } from "../fixtures/Until.ts"
import { CommitLog } from "../fixtures/memory/MemoryReads.ts"
import { Tokens } from "../gateway/GatewayRig.ts"
import { layer as served, Url } from "../gateway/ServedGateway.ts"

const ways = [
  ["HTTP", ClawsterClient.layerHttp],
  ["a WebSocket", ClawsterClient.layerWebSocket]
] as const

const deployment = Layer.succeed(EdgeConfig, {
  defaultTenant: TenantId.make("globex")
})

const say = (message: string) => ({ payload: { message } })

/** With one healthy instance. */
const withInstance = (clientOf: (options: ClientOptions) => Layer.Layer<ClawsterClient>) =>
  Effect.gen(function* () {
    const url = yield* Url
    const { operator } = yield* Tokens
    yield* Effect.gen(function* () {
      const client = yield* ClawsterClient
      yield* client.RegisterInstance({ driver: "simulated", instanceId: InstanceId.make("i1") })
      const health = client.InstanceHealth({ instanceId: InstanceId.make("i1") })
      yield* until(
        "i1 is healthy",
        Effect.map(health, (answer) => answer.health === "healthy")
      )
    }).pipe(Effect.provide(clientOf({ url, apiKey: operator })))
  })

for (const [name, clientOf] of ways) {
  const as = (who: "acme" | "globex" | "operator" | "admin", url?: string, retryFor?: ClientOptions["retryFor"]) =>
    Layer.unwrap(
      Effect.gen(function* () {
        const tokens = yield* Tokens
        return clientOf({ url: url ?? (yield* Url), apiKey: tokens[who], retryFor })
      })
    )

  describe(`the typed client over ${name}`, () => {
    it.live("submits, waits, lists, and holds a conversation", () =>
      Effect.gen(function* () {
        yield* withInstance(clientOf)
        yield* Effect.gen(function* () {
          const client = yield* ClawsterClient
          const { tasks } = yield* client.SubmitTasks({ tasks: [say("one"), say("two")] })
          assert.deepStrictEqual(
            tasks.map(({ outcome }) => outcome),
            ["accepted", "accepted"]
          )
          for (const { taskId } of tasks) {
            const ended = yield* client.awaitTask({ taskId }, 10_000)
            assert.strictEqual(ended.phase, "completed")
            assert.isDefined(ended.result?.text)
          }
          const page = yield* client.ListTasks({ limit: 1 })
          assert.deepStrictEqual([page.items.length, page.next !== undefined], [1, true])
          assert.strictEqual((yield* client.Me({})).tenantId, TenantId.make("acme"))

          const { sessionId } = yield* client.CreateSession({ sessionId: SessionId.make("talk") })
          const turn = yield* client.SendTurn({ sessionId, message: "hello" })
          const answered = yield* client.awaitTurn({ sessionId, turnId: turn.turnId }, 10_000)
          assert.strictEqual(answered.phase, "completed")
        }).pipe(Effect.provide(as("acme")))
      }).pipe(Effect.provide(served))
    )

    it.live("fails with what a caller can act on", () =>
      Effect.gen(function* () {
        yield* Effect.gen(function* () {
          const client = yield* ClawsterClient
          const missing = yield* Effect.flip(client.GetTask({ taskId: TaskId.make("nobody") }))
          assert.strictEqual(missing._tag, "NotFound")
          const forbidden = yield* Effect.flip(client.ListKeys({}))
          assert.strictEqual(forbidden._tag, "Forbidden")
          const others = yield* Effect.flip(
            client.SubmitTasks({ tasks: [{ ...say("x"), tenantId: TenantId.make("globex") }] })
          )
          assert.strictEqual(others._tag, "NotFound")
          const bad = yield* Effect.flip(client.SubmitTasks({ tasks: [{ ...say("x"), maxRetries: 99 }] }))
          assert.isTrue(
            bad._tag === "InvalidInput" && bad.faults[0]?.path === "tasks[0].maxRetries",
            JSON.stringify(bad)
          )
          const unstorable = yield* Effect.flip(client.SubmitTasks({ tasks: [say("ok"), say("a\u0000b")] }))
          assert.isTrue(
            unstorable._tag === "InvalidInput" && unstorable.faults[0]?.path === "tasks[1].payload.message",
            JSON.stringify(unstorable)
          )
          const lists = { after: "abc" }
          for (const list of [client.ListTasks(lists), client.ListLanes(lists), client.ListSessions(lists)]) {
            const lost = yield* Effect.flip(
              list as Effect.Effect<
                unknown,
                { readonly _tag: string; readonly faults?: ReadonlyArray<{ readonly path: string }> }
              >
            )
            assert.isTrue(lost._tag === "InvalidInput" && lost.faults?.[0]?.path === "after", JSON.stringify(lost))
          }
          yield* client.SubmitTasks({ tasks: [say("x")] }, { idempotencyKey: "mine" })
          const reused = yield* Effect.flip(client.SubmitTasks({ tasks: [say("y")] }, { idempotencyKey: "mine" }))
          assert.strictEqual(reused._tag, "IdempotencyConflict")
        }).pipe(Effect.provide(as("acme")))
        const url = yield* Url
        const stranger = yield* Effect.flip(Effect.flatMap(ClawsterClient, (client) => client.Me({}))).pipe(
          Effect.provide(clientOf({ url, apiKey: "claw_wrong" }))
        )
        assert.strictEqual(stranger._tag, "Unauthenticated")
        const nobody = yield* Effect.flip(Effect.flatMap(ClawsterClient, (client) => client.Me({}))).pipe(
          Effect.provide(clientOf({ url: "http://127.0.0.1:9", apiKey: "claw_wrong", retryFor: "300 millis" })),
          Effect.timeout("10 seconds")
        )
        assert.strictEqual(nobody._tag, "RpcClientError")
      }).pipe(Effect.provide(served))
    )

    it.live(
      "does a change once though connections are cut under it",
      () =>
        Effect.gen(function* () {
          const proxy = yield* TcpProxy.make(yield* Url)
          // A pace: between two cuts there is time for some of the calls.
          const cutting = yield* Effect.forkChild(Effect.forever(Effect.andThen(Effect.sleep(250), proxy.cut)))
          const outcomes = yield* Effect.gen(function* () {
            const client = yield* ClawsterClient
            return yield* Effect.forEach(
              Array.from({ length: 40 }, (_, index) => index),
              (index) => Effect.delay(client.SubmitTasks({ tasks: [say(`m${index}`)] }), index * 60),
              { concurrency: 8 }
            )
          }).pipe(Effect.provide(as("acme", proxy.url)))
          yield* Fiber.interrupt(cutting)
          assert.isAbove(proxy.accepted(), 3)
          const log = yield* CommitLog
          const submitted = log.filter(({ entry }) => entry.command === "Submit")
          assert.strictEqual(submitted.length, 40)
          assert.strictEqual(new Set(outcomes.map(({ tasks }) => tasks[0]!.taskId)).size, 40)
        }).pipe(Effect.scoped, Effect.provide(served)),
      60_000
    )

    it.live(
      "follows events without gap or repeat though connections are cut under it",
      () =>
        Effect.gen(function* () {
          const proxy = yield* TcpProxy.make(yield* Url)
          const direct = as("acme")
          const seen: Array<string> = []
          const hasPosition = yield* Deferred.make<void>()
          const follower = yield* Effect.flatMap(ClawsterClient, ({ FeedPosition, events }) =>
            Effect.flatMap(Effect.tap(FeedPosition({}), Deferred.succeed(hasPosition, undefined)), ({ position }) =>
              events({ cursor: position, types: ["task.submitted"] }).pipe(
                Stream.tap(({ payload }) => Effect.sync(() => seen.push(String(payload["taskId"])))),
                Stream.take(60),
                Stream.runDrain
              )
            )
          ).pipe(Effect.provide(as("acme", proxy.url)), Effect.forkChild({ startImmediately: true }))
          yield* Deferred.await(hasPosition).pipe(Effect.timeout("10 seconds"))
          const ids = Array.from({ length: 60 }, (_, index) => `t${index}`)
          yield* Effect.gen(function* () {
            const client = yield* ClawsterClient
            for (let index = 0; index < ids.length; index += 3) {
              const tasks = ids.slice(index, index + 3).map((id) => ({ ...say("x"), taskId: TaskId.make(id) }))
              yield* client.SubmitTasks({ tasks })
              // A pace: time to connect again, so that some of the cuts are in the middle of the events.
              if (index % 12 === 0) yield* Effect.andThen(Effect.sleep(20), proxy.cut)
            }
          }).pipe(Effect.provide(direct))
          yield* Fiber.join(follower).pipe(
            Effect.timeout("40 seconds"),
            Effect.tapError(() => Effect.logError(seen.join(" ")))
          )
          assert.deepStrictEqual(seen, ids)
          assert.isAbove(proxy.accepted(), 1)
        }).pipe(Effect.scoped, Effect.provide(served)),
      60_000
    )
  })
}

describe("a lost answer", () => {
  it.live("is asked for again under the same key, and the change has happened once", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const { acme } = yield* Tokens
      let sent = 0
      const losing = (client: HttpClient.HttpClient) =>
        HttpClient.transform(client, (effect, request) =>
          Effect.flatMap(effect, (response) =>
            ++sent <= 2
              ? Effect.fail(
                  new HttpClientError.HttpClientError({
                    reason: new HttpClientError.TransportError({ request, description: "lost" })
                  })
                )
              : Effect.succeed(response)
          )
        )
      const client = ClawsterClient.layerProtocol({ url, apiKey: acme }).pipe(
        Layer.provide(RpcClient.layerProtocolHttp({ url: `${url}/rpc`, transformClient: losing as never })),
        Layer.provide([FetchHttpClient.layer, RpcSerialization.layerNdjson])
      )
      const { tasks } = yield* Effect.flatMap(ClawsterClient, (it) => it.SubmitTasks({ tasks: [say("once")] })).pipe(
        Effect.provide(client)
      )
      assert.strictEqual(sent, 3)
      assert.strictEqual(tasks[0]!.outcome, "accepted")
      const log = yield* CommitLog
      assert.strictEqual(log.filter(({ entry }) => entry.command === "Submit").length, 1)
    }).pipe(Effect.provide(served))
  )
})

describe("events of one task", () => {
  it.live("are all that is sent to who asks for that task", () =>
    Effect.gen(function* () {
      const { acme } = yield* Tokens
      const connected = ClawsterClient.layerHttp({ url: yield* Url, apiKey: acme })
      yield* Effect.gen(function* () {
        const client = yield* ClawsterClient
        const { position } = yield* client.FeedPosition({})
        const tasks = ["t1", "t2", "t3"].map((id) => ({ ...say("x"), taskId: TaskId.make(id) }))
        yield* client.SubmitTasks({ tasks })
        yield* client.CancelTask({ taskId: TaskId.make("t1") })
        yield* client.CancelTask({ taskId: TaskId.make("t2") })
        const heard = yield* client.events({ cursor: position, taskId: TaskId.make("t2") }).pipe(
          Stream.takeUntil(({ type }) => type === "task.cancelled"),
          Stream.runCollect
        )
        assert.deepStrictEqual([...new Set(heard.map(({ payload }) => payload["taskId"]))], ["t2"])
        assert.strictEqual(heard.at(-1)?.type, "task.cancelled")
      }).pipe(Effect.provide(connected))
    }).pipe(Effect.provide(served))
  )
})

describe("a deployment with a default tenant", () => {
  it.live("is known to the RPCs as it is to REST", () =>
    Effect.gen(function* () {
      const { operator } = yield* Tokens
      const page = yield* Effect.gen(function* () {
        const client = yield* ClawsterClient
        yield* client.SubmitTasks({ tasks: [say("x")] })
        return yield* client.ListTasks({ tenantId: TenantId.make("globex") })
      }).pipe(Effect.provide(ClawsterClient.layerHttp({ url: yield* Url, apiKey: operator })))
      assert.strictEqual(page.items.length, 1)
    }).pipe(Effect.provide(served.pipe(Layer.provide(deployment))))
  )
})
