/** The command line as a process of its own, against a gateway on a port with simulated instances behind it. */
import { NodeServices } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Schedule, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { fileURLToPath } from "node:url"
import { Tokens } from "../gateway/GatewayRig.ts"
import * as ServedGateway from "../gateway/ServedGateway.ts"

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

const text = <E>(stream: Stream.Stream<Uint8Array, E>) => Stream.mkString(Stream.decodeText(stream))

/** To its end, with nothing of this machine's environment that could name a gateway. */
const clawster = (environment: Record<string, string>, ...line: ReadonlyArray<string>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const child = yield* ChildProcess.make(process.execPath, [main, ...line], {
        env: { PATH: process.env.PATH, CLAWSTER_HOME: "/nonexistent", ...environment },
        extendEnv: false,
        stdin: "ignore"
      })
      const [out, err, exitCode] = yield* Effect.all([text(child.stdout), text(child.stderr), child.exitCode], {
        concurrency: "unbounded"
      })
      return { out, err, exitCode: Number(exitCode) }
    })
  ).pipe(Effect.timeout("60 seconds"))

const as = (token: keyof Tokens["Service"]) =>
  Effect.gen(function* () {
    const url = yield* ServedGateway.Url
    const tokens = yield* Tokens
    return (...line: ReadonlyArray<string>) => clawster({ CLAWSTER_URL: url, CLAWSTER_API_KEY: tokens[token] }, ...line)
  })

layer(Layer.merge(ServedGateway.layer, NodeServices.layer), { excludeTestServices: true, timeout: "60 seconds" })(
  "the command line",
  (it) => {
    it.effect("registers, submits, follows to the result, lists and sums up", () =>
      Effect.gen(function* () {
        const operator = yield* as("operator")
        const registered = yield* operator("instance", "register", "i1", "--driver", "simulated", "--max-tasks", "3")
        assert.strictEqual(registered.exitCode, 0, registered.err)
        const acme = yield* as("acme")
        const watched = yield* acme("task", "submit", "say hello", "--id", "t1", "--watch")
        assert.strictEqual(watched.exitCode, 0, watched.err)
        assert.match(watched.out, /task\.submitted t1/)
        assert.match(watched.out, /task\.started t1 instanceId=i1/)
        assert.match(watched.out, /task\.completed t1/)
        assert.match(watched.out, /phase +completed/)
        const listed = yield* acme("task", "list", "--json")
        assert.deepStrictEqual(
          JSON.parse(listed.out).items.map(({ phase, taskId }: { phase: string; taskId: string }) => [taskId, phase]),
          [["t1", "completed"]]
        )
        const events = yield* acme("task", "events", "t1", "--json")
        const types = events.out
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line).type)
        assert.deepStrictEqual([types[0], types.at(-1)], ["task.submitted", "task.completed"])
        const status = yield* operator("status")
        assert.match(status.out, /you are +operator, operator/)
        assert.match(status.out, /slots +0 of 3 in use/)
        assert.match(status.out, /tasks +1 completed/)
      })
    )

    it.effect("holds a conversation", () =>
      Effect.gen(function* () {
        const operator = yield* as("operator")
        yield* operator("instance", "register", "i1", "--driver", "simulated", "--max-tasks", "3")
        const acme = yield* as("acme")
        assert.strictEqual((yield* acme("session", "create", "s1", "--label", "Ann")).exitCode, 0)
        const sent = yield* acme("session", "send", "s1", "hello", "--wait")
        assert.strictEqual(sent.exitCode, 0, sent.err)
        assert.match(sent.out, /phase +completed/)
        assert.match(sent.out, /answer +\S/)
        const shown = yield* acme("session", "get", "s1")
        assert.match(shown.out, /label +Ann/)
        assert.match((yield* acme("session", "terminate", "s1")).out, /phase +clos/)
      })
    )

    it.effect("makes a key that works until it is revoked", () =>
      Effect.gen(function* () {
        const url = yield* ServedGateway.Url
        const admin = yield* as("admin")
        const created = yield* admin("key", "create", "ci", "--tenant", "acme", "--json")
        const { key, token } = JSON.parse(created.out)
        const environment = { CLAWSTER_URL: url, CLAWSTER_API_KEY: token }
        assert.strictEqual((yield* clawster(environment, "task", "list")).exitCode, 0)
        assert.strictEqual((yield* admin("key", "revoke", key.keyId)).exitCode, 0)
        const refused = yield* clawster(environment, "task", "list").pipe(
          Effect.repeat({ until: ({ exitCode }) => exitCode !== 0, schedule: Schedule.spaced("200 millis") }),
          Effect.timeout("20 seconds")
        )
        assert.strictEqual(refused.exitCode, 4, refused.err)
      })
    )

    it.effect("tells what is refused, missing, wrong or away by its exit code, and never by a stack trace", () =>
      Effect.gen(function* () {
        const url = yield* ServedGateway.Url
        const acme = yield* as("acme")
        const cases = [
          [4, acme("key", "list")],
          [3, acme("task", "get", "nothing")],
          [3, acme("task", "list", "--tenant", "globex")],
          [2, acme("task", "submit", "hi", "--retries", "99")],
          [4, clawster({ CLAWSTER_URL: url, CLAWSTER_API_KEY: "claw_wrong_key" }, "status")],
          [4, clawster({ CLAWSTER_URL: url }, "status")],
          [5, clawster({ CLAWSTER_URL: "http://127.0.0.1:9", CLAWSTER_API_KEY: "x" }, "status")]
        ] as const
        for (const [expected, run] of cases) {
          const { err, exitCode, out } = yield* run
          assert.strictEqual(exitCode, expected, err)
          assert.match(err, /^clawster: /)
          assert.notMatch(err, /^ +at /m)
          assert.strictEqual(out, "")
        }
      })
    )
  }
)
