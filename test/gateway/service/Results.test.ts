import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { MemoryStore } from "../../../src/actor/memory/MemoryJournal.ts"
import { layer, untilAnswered, withInstance } from "../GatewayRig.ts"

const gateway = Effect.provide(layer)

/** The simulated model says what it is asked to. Four bytes a pair of surrogates, three a Chinese character. */
const long = "ab漢𝄞c".repeat(25_000)
const asking = `[[say ${long}]]`

/** The most that any entry, message or row of any actor has in it, as JSON. */
const largest = Effect.map(MemoryStore, ({ actors, tables }) => {
  const lengthOf = (value: unknown) => JSON.stringify(value).length
  const entries = [...actors.values()].flatMap(({ entries, outbox }) => [...entries, ...outbox.values()])
  const rows = [...tables.values()]
    .flatMap((table) => [...table.values()])
    .map(({ message: _, spec: __, ...row }) => row)
  return {
    said: Math.max(...entries.filter((entry) => !JSON.stringify(entry).includes("[[say")).map(lengthOf)),
    rows: Math.max(...rows.map(lengthOf))
  }
})

describe("A long result", () => {
  it.live("of a task is kept whole and once, shown by its beginning, and given to its tenant alone", () =>
    Effect.gen(function* () {
      const { tokens, web } = yield* withInstance
      const receipt = yield* web.send("POST", "/api/v1/tasks?wait=20000", {
        token: tokens.acme,
        body: { taskId: "t1", payload: { message: asking } }
      })
      assert.strictEqual(receipt.body.task?.phase, "completed", receipt.text.slice(0, 500))
      const { result } = (yield* web.send("GET", "/api/v1/tasks/t1", { token: tokens.acme })).body
      assert.isTrue(long.startsWith(result.text) && result.text.length <= 4_096)
      assert.deepStrictEqual(result.stored, {
        runKey: "t1.1",
        characters: long.length,
        bytes: new TextEncoder().encode(long).length
      })
      const whole = yield* web.send("GET", "/api/v1/tasks/t1/result", { token: tokens.acme })
      assert.strictEqual(whole.status, 200)
      assert.strictEqual(whole.headers.get("content-type"), "text/plain; charset=utf-8")
      assert.isTrue(whole.text === long, "the whole text comes back")
      const theirs = yield* web.send("GET", "/api/v1/tasks/t1/result", { token: tokens.globex })
      assert.deepStrictEqual([theirs.status, theirs.body.code], [404, "NotFound"])
      const { rows, said } = yield* largest
      assert.isBelow(said, 20_000, "no journal has the text")
      assert.isBelow(rows, 20_000, "no row has the text")
    }).pipe(gateway)
  )

  it.live("is not there before the task has completed, and is the text itself when it is short", () =>
    Effect.gen(function* () {
      const { tokens, web } = yield* withInstance
      const { acme: token } = tokens
      yield* web.send("POST", "/api/v1/tasks", { token, body: { taskId: "waits", payload: { message: "[[hang]]" } } })
      const waiting = yield* web.send("GET", "/api/v1/tasks/waits/result", { token })
      assert.deepStrictEqual([waiting.status, waiting.body.code], [404, "NotFound"])
      assert.match(waiting.body.message, /no result: it is/)
      yield* web.send("POST", "/api/v1/tasks?wait=20000", {
        token,
        body: { taskId: "short", payload: { message: "[[say yes]]" } }
      })
      assert.strictEqual((yield* web.send("GET", "/api/v1/tasks/short/result", { token })).text, "yes")
    }).pipe(gateway)
  )

  it.live("of a turn is kept whole too, and every turn can be read after many others have ended", () =>
    Effect.gen(function* () {
      const { tokens, web } = yield* withInstance
      const { acme: token } = tokens
      const turns = "/api/v1/sessions/talk/turns"
      yield* web.send("POST", "/api/v1/sessions", { token, body: { sessionId: "talk" } })
      yield* web.send("POST", turns, { token, body: { turnId: "long", message: asking } })
      for (let n = 0; n < 25; n++) {
        yield* web.send("POST", turns, { token, body: { turnId: `u${n}`, message: `[[say answer ${n}]]` } })
      }
      yield* untilAnswered(
        web.send("GET", `${turns}/u24/wait?millis=1000`, { token }),
        ({ body }) => body.phase === "completed"
      )
      const first = yield* web.send("GET", `${turns}/long`, { token })
      assert.deepStrictEqual(
        [first.status, first.body.phase, first.body.stored?.characters],
        [200, "completed", long.length]
      )
      assert.isTrue((yield* web.send("GET", `${turns}/long/result`, { token })).text === long)
      assert.strictEqual((yield* web.send("GET", `${turns}/long/wait?millis=0`, { token })).body.phase, "completed")
      assert.strictEqual((yield* web.send("GET", `${turns}/long/result`, { token: tokens.globex })).status, 404)

      const seen: Array<string> = []
      for (let path = `${turns}?limit=10`, more = true; more;) {
        const { body } = yield* web.send("GET", path, { token })
        seen.push(...body.items.map(({ turnId }: { turnId: string }) => turnId))
        more = body.next !== undefined
        path = `${turns}?limit=10&after=${encodeURIComponent(body.next ?? "")}`
      }
      assert.sameMembers(seen, ["long", ...Array.from({ length: 25 }, (_, n) => `u${n}`)])
      assert.strictEqual((yield* web.send("GET", `${turns}?after=abc`, { token })).status, 400)

      const again = yield* web.send("POST", turns, { token, body: { turnId: "u0", message: "[[say answer 0]]" } })
      assert.deepStrictEqual([again.status, again.body.phase, again.body.text], [202, "completed", "answer 0"])
      const other = yield* web.send("POST", turns, { token, body: { turnId: "u0", message: "another" } })
      assert.deepStrictEqual([other.status, other.body.code], [409, "Conflict"])
    }).pipe(gateway)
  )
})
