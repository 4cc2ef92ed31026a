import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ApiUnreachable } from "../../src/cli/api/Api.ts"
import {
  ActorUnavailable,
  Conflict,
  Forbidden,
  InvalidInput,
  Overloaded,
  Unauthenticated
} from "../../src/schema/Errors.ts"
import { gapNotice } from "../../src/schema/feed/FeedNotice.ts"
import { cli } from "./Cli.ts"
import * as FakeApi from "./FakeApi.ts"
import { hostPlacement } from "../../src/schema/Ids.ts"

const { eventOf, instanceOf, taskOf } = FakeApi

describe("output", () => {
  it.effect("lists as a table on a line each, with a column for what it waits for", () =>
    Effect.gen(function* () {
      const { exitCode, out } = yield* cli(["task", "list"], {
        tasks: [taskOf("t1", "completed", { attempt: 2 }), taskOf("t2", "pending", { waitingFor: "a free slot" })]
      })
      assert.strictEqual(exitCode, 0)
      assert.deepStrictEqual(
        out.split("\n").map((line) => line.replaceAll(/ +/g, " ")),
        [
          "TASK PHASE PRIORITY TENANT LANE TRY INSTANCE AGE NOTE",
          "t1 completed normal acme default 2/3 - 0ms -",
          "t2 pending normal acme default 1/3 - 0ms a free slot",
          ""
        ]
      )
    })
  )

  it.effect("is the API's own JSON with --json, wherever on the line it stands", () =>
    Effect.gen(function* () {
      const task = taskOf("t1", "running")
      for (const line of [
        ["task", "get", "t1", "--json"],
        ["task", "--json", "get", "t1"]
      ]) {
        const { exitCode, out } = yield* cli(line, { tasks: [task] })
        assert.strictEqual(exitCode, 0)
        assert.deepStrictEqual(JSON.parse(out), task)
      }
    })
  )

  it.effect("says so when there is nothing", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* cli(["instance", "list"])).out, "no instances\n")
    })
  )

  it.effect("has colours on a terminal only", () =>
    Effect.gen(function* () {
      const fake = { instances: [instanceOf("i1", { health: "unhealthy" })] }
      assert.notInclude((yield* cli(["instance", "list"], fake)).out, "\u001b")
      const screen = { isTty: true, hasColour: true, columns: 200 }
      assert.include((yield* cli(["instance", "list"], fake, screen)).out, "\u001b[31munhealthy")
    })
  )

  it.effect("runners and shards are tables", () =>
    Effect.gen(function* () {
      const runners = yield* cli(["runners"])
      assert.match(runners.out, /^RUNNER +STATE/)
      assert.match(runners.out, /10\.0\.0\.1:34431 +serving +- +default/)
      assert.match((yield* cli(["shards"])).out, /default +10\.0\.0\.1:34431 +300 +4/)
    })
  )

  it.effect("runners and shards say which placements have no runner, and until when one is remembered", () =>
    Effect.gen(function* () {
      const [b, c] = [hostPlacement("b"), hostPlacement("c")]
      const fake = {
        unserved: [
          { placement: b, instances: 2, lastSeenAt: 0 },
          { placement: c, instances: 0, lastSeenAt: 0, forgottenAt: 7 * 86_400_000 }
        ]
      }
      const { out } = yield* cli(["runners"], fake)
      assert.match(out, /\nNO RUNNER +INSTANCES +LAST SEEN +FORGOTTEN IN\n/)
      assert.match(out, /host-b +2 +\S+ +-/)
      assert.match(out, /host-c +0 +\S+ +\S+/)
      assert.match((yield* cli(["shards"], fake)).out, /host-b +no runner +300/)
    })
  )

  it.effect("status sums up the cluster", () =>
    Effect.gen(function* () {
      const { out } = yield* cli(["status"], {
        instances: [instanceOf("i1"), instanceOf("i2", { health: "degraded" })]
      })
      assert.strictEqual(
        out,
        [
          "gateway    http://gateway",
          "you are    ann, operator",
          "runners    1 serving",
          "instances  1 healthy, 1 degraded",
          "slots      2 of 8 in use",
          "lanes      1",
          "tasks      3 pending, 1 running, 10 completed, 2 dead lettered",
          ""
        ].join("\n")
      )
    })
  )
})

describe("results", () => {
  it.effect("are written to a file whole, part after part, and nothing is made of one that is not there", () =>
    Effect.gen(function* () {
      const directory = mkdtempSync(join(tmpdir(), "clawster-cli-"))
      const file = join(directory, "result.txt")
      const { asked, exitCode } = yield* cli(["task", "result", "t1", "--output", file], {
        parts: ["one, ", "two, ", "three"]
      })
      assert.strictEqual(exitCode, 0)
      assert.strictEqual(readFileSync(file, "utf8"), "one, two, three")
      assert.strictEqual(asked.length, 3)
      const missing = join(directory, "missing.txt")
      assert.strictEqual((yield* cli(["task", "result", "t2", "--output", missing], {})).exitCode, 3)
      assert.isFalse(existsSync(missing))
      const nowhere = yield* cli(["session", "result", "s1", "u1", "--output", join(directory, "no", "file")], {
        parts: ["one"]
      })
      assert.deepStrictEqual([nowhere.exitCode, nowhere.err.includes("cannot be written")], [2, true])
      rmSync(directory, { recursive: true })
    })
  )
})

describe("exit codes", () => {
  const failures = [
    [
      new InvalidInput({ message: "bad", faults: [{ path: "payload.message", expected: "a message" }] }),
      2,
      "payload.message: expected a message"
    ],
    [new Unauthenticated({ message: "no such key" }), 4, "CLAWSTER_API_KEY"],
    [new Forbidden({ message: "not yours", required: "operator" }), 4, "needs operator"],
    [new Conflict({ message: "it runs", state: "running" }), 1, "it is running"],
    [new ActorUnavailable({ message: "moving", retryAfterMillis: 1_500 }), 5, "try again in 2 s"],
    [new Overloaded({ layer: "lane", message: "full", retryAfterMillis: 100 }), 5, "try again in 1 s"],
    [new ApiUnreachable({ url: "http://x", message: "nobody there" }), 5, "clawster up"]
  ] as const

  it.effect("say what kind of failure it was, and the message what to do", () =>
    Effect.gen(function* () {
      for (const [fails, code, hint] of failures) {
        const { err, exitCode, out } = yield* cli(["task", "list"], { fails })
        assert.strictEqual(exitCode, code, fails._tag)
        assert.include(err, `clawster: ${fails.message}`)
        assert.include(err, hint)
        assert.notMatch(err, /\n\s+at /)
        assert.strictEqual(out, "")
      }
    })
  )

  it.effect("3 for what is not there, as JSON too", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* cli(["task", "get", "t9"])).exitCode, 3)
      const { err, exitCode } = yield* cli(["task", "get", "t9", "--json"])
      assert.strictEqual(exitCode, 3)
      assert.deepStrictEqual(JSON.parse(err).error.code, "NotFound")
    })
  )

  it.effect("1 for what ended badly, after showing it", () =>
    Effect.gen(function* () {
      const failed = taskOf("t1", "failed", { error: { code: "Boom", message: "it broke", retryable: false } })
      const { err, exitCode, out } = yield* cli(["task", "wait", "t1"], { tasks: [failed] })
      assert.strictEqual(exitCode, 1)
      assert.include(out, "it broke (Boom)")
      assert.include(err, "task t1 ended failed")
    })
  )
})

describe("bad usage", () => {
  const lines: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
    [["task", "lst"], "list"],
    [["task", "get"], "task"],
    [["task", "get", "a/b"], "letters, digits"],
    [["task", "list", "--limit", "0"], "between 1 and 1000"],
    [["task", "list", "--phase", "gone"], "gone"],
    [["task", "list", "--nonsense"], "--nonsense"],
    [["task", "submit"], "--file"],
    [["task", "submit", "hi", "--timeout", "soon"], "a duration such as 30s"],
    [["task", "submit", "hi", "--deadline", "tomorrow"], "2026-01-31T12:00"],
    [["task", "cancel"], "--all"],
    [["task", "cancel", "t1", "--all"], "--all"],
    [["task", "cancel", "--all", "--reason", "why"], "--reason"],
    [["instance", "register", "--gateway-url", "ws://x"], "--gateway-token"],
    [["lane", "configure", "main", "--when-full", "redirect"], "--redirect-to"],
    [["key", "create", "ci", "--role", "tenant"], "--tenant"],
    [["up", "--runners", "0"], "1 to 32"],
    [["up", "--port", "99999"], "0 to 65535"],
    [["status", "--url", "ftp://x"], "http://"],
    [["openclaw", "install", "latest"], "2026.9.6"]
  ]

  it.effect.each(lines)("%j is told on standard error, exits 2 and asks nothing", ([line, hint]) =>
    Effect.gen(function* () {
      const { asked, err, exitCode, isHandedOver, out } = yield* cli(line)
      assert.strictEqual(exitCode, 2)
      assert.include(err, hint)
      assert.strictEqual(out, "")
      assert.deepStrictEqual(asked, [])
      assert.isFalse(isHandedOver)
    })
  )
})

describe("requests", () => {
  it.effect("submit sends what was said and leaves out what was not", () =>
    Effect.gen(function* () {
      const { asked, out } = yield* cli([
        ...["task", "submit", "do it", "--tenant", "acme", "--priority", "high", "--require", "a,b", "--require", "c"],
        ...["--timeout", "2m", "--not-before", "1h", "--idempotency-key", "k1"]
      ])
      assert.deepStrictEqual(asked, [
        {
          call: "submit",
          request: {
            idempotencyKey: "k1",
            tasks: [
              {
                payload: { message: "do it" },
                hints: { requiredCapabilities: ["a", "b", "c"] },
                tenantId: FakeApi.tenantId,
                priority: "high",
                timeoutMillis: 120_000,
                notBefore: 3_600_000
              }
            ]
          }
        }
      ])
      assert.strictEqual(out, "t1 accepted in lane default\n")
    })
  )

  it.effect("submit --file takes messages and JSON lines, and names the line that is wrong", () =>
    Effect.gen(function* () {
      const directory = mkdtempSync(join(tmpdir(), "cli-"))
      const file = join(directory, "tasks.ndjson")
      writeFileSync(file, `first\n\n{"payload":{"message":"second"},"priority":"low"}\n`)
      const { asked, out } = yield* cli(["task", "submit", "--file", file, "--lane", "nightly", "--priority", "high"])
      assert.deepStrictEqual((asked[0]!.request as { tasks: unknown }).tasks, [
        { payload: { message: "first" }, lane: "nightly", priority: "high" },
        { payload: { message: "second" }, lane: "nightly", priority: "low" }
      ])
      assert.strictEqual(out, "2 accepted\n")
      writeFileSync(file, `first\n{"payload":{"message":"second"},"prority":"low"}\n`)
      const wrong = yield* cli(["task", "submit", "--file", file])
      rmSync(directory, { recursive: true })
      assert.strictEqual(wrong.exitCode, 2)
      assert.match(wrong.err, /line 2: .*prority/s)
      assert.deepStrictEqual(wrong.asked, [])
    })
  )

  it.effect("submit --file gives --model and --thinking to each payload that has none of its own", () =>
    Effect.gen(function* () {
      const directory = mkdtempSync(join(tmpdir(), "cli-"))
      const file = join(directory, "tasks.ndjson")
      writeFileSync(file, `first\n{"payload":{"message":"second"}}\n{"payload":{"message":"third","model":"own"}}\n`)
      const { asked } = yield* cli(["task", "submit", "--file", file, "--model", "flag", "--thinking", "high"])
      rmSync(directory, { recursive: true })
      assert.deepStrictEqual((asked[0]!.request as { tasks: unknown }).tasks, [
        { payload: { message: "first", model: "flag", thinking: "high" }, hints: { model: "flag" } },
        { payload: { message: "second", model: "flag", thinking: "high" }, hints: { model: "flag" } },
        { payload: { message: "third", model: "own", thinking: "high" }, hints: { model: "own" } }
      ])
    })
  )

  it.effect("lane configure names what is to change and nothing else", () =>
    Effect.gen(function* () {
      const { asked } = yield* cli(["lane", "configure", "default", "--concurrency", "2", "--rate", "0", "--paused"])
      const { config } = asked.at(-1)!.request as { config: Record<string, unknown> }
      assert.deepStrictEqual(config, { concurrency: 2, ratePerSecond: null, paused: true })
    })
  )

  it.effect("register with --tenant makes it that tenant's alone, with --gateway-url a remote one", () =>
    Effect.gen(function* () {
      const { asked, out } = yield* cli([
        ...[
          "instance",
          "register",
          "far",
          "--tenant",
          "acme",
          "--gateway-url",
          "wss://far:18789",
          "--gateway-token",
          "hush"
        ]
      ])
      assert.deepStrictEqual(asked[0]!.request, {
        instanceId: "far",
        driver: "remote",
        tenancy: { _tag: "dedicated", tenantId: "acme" },
        endpoint: { url: "wss://far:18789", token: "hush" }
      })
      assert.notInclude(out, "hush")
    })
  )

  it.effect("every other command reaches its call", () =>
    Effect.gen(function* () {
      const fake = { tasks: [taskOf("t1", "completed")], instances: [instanceOf("i1")] }
      const lines = {
        "task cancel t1 --reason why": "cancel",
        "task cancel --all --lane default": "cancelMany",
        "task replay t1": "replay",
        "task events t1": "events",
        "instance get i1": "instance",
        "instance health i1": "health",
        "instance start i1": "start",
        "instance stop i1 --grace 5s": "stop",
        "instance drain i1 --deadline 5m": "drain",
        "instance logs i1 -n 5": "logs",
        "instance metrics i1": "metrics",
        "instance deregister i1 --force": "deregister",
        "session create s1 --label Ann": "createSession",
        "session get s1": "session",
        "session list": "sessions",
        "session send s1 hi": "send",
        "session steer s1 hi --mode interrupt": "steer",
        "session abort s1 --queued": "abort",
        "session terminate s1": "terminate",
        "lane get default": "lane",
        "lane list": "lanes",
        "key create ci --role operator": "createKey",
        "key list": "keys",
        "key revoke abcdefgh": "revoke"
      }
      for (const [line, call] of Object.entries(lines)) {
        const { asked, err, exitCode, out } = yield* cli(line.split(" "), fake)
        assert.strictEqual(exitCode, 0, `${line}: ${err}`)
        assert.deepStrictEqual(
          asked.map((each) => each.call),
          [call],
          line
        )
        assert.isTrue(out.length > 1 || call === "events", line)
      }
    })
  )
})

describe("--watch", () => {
  const life = [
    eventOf("task.started", { taskId: "t1", instanceId: "i1", because: "least loaded" }),
    eventOf("task.started", { taskId: "t2", instanceId: "i1" }),
    eventOf("task.progress", { taskId: "t1", kind: "text", text: `${"x".repeat(500)} end` }),
    eventOf("task.completed", { taskId: "t1", result: { text: "done" } })
  ]
  const feed = Stream.concat(Stream.fromIterable(life), Stream.never)

  it.effect("follows a task from before its submit to its end, and nobody else's", () =>
    Effect.gen(function* () {
      const { asked, exitCode, out } = yield* cli(["task", "submit", "go", "--watch"], {
        feed,
        tasks: [taskOf("t1", "completed", { result: { text: "done", durationMillis: 5 } })]
      })
      assert.strictEqual(exitCode, 0)
      assert.deepStrictEqual(
        asked.map(({ call }) => call),
        ["position", "submit", "follow", "get"]
      )
      assert.deepStrictEqual(asked[2]!.request, { after: FakeApi.cursor, tenantId: undefined, taskId: "t1" })
      assert.include(out, "00:00:00 task.started t1 instanceId=i1 because=least loaded\n")
      assert.notInclude(out, "t2")
      assert.match(out, /task\.progress t1 …x+ end\n/)
      assert.match(out, /result +done/)
    })
  )

  it.effect("prints one JSON object a line with --json", () =>
    Effect.gen(function* () {
      const { exitCode, out } = yield* cli(["task", "get", "t1", "--watch", "--json"], {
        feed,
        events: [eventOf("task.submitted", { taskId: "t1" })],
        tasks: [taskOf("t1", "running")]
      })
      const lines = out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
      assert.deepStrictEqual(
        lines.map((line) => line.type ?? line.phase),
        ["task.submitted", "task.started", "task.progress", "task.completed", "running"]
      )
      assert.strictEqual(exitCode, 1, "the fake never completes it")
    })
  )

  it.effect("says that there is a gap, and ends when what it waits for has ended in it", () =>
    Effect.gen(function* () {
      const gap = gapNotice({ from: FakeApi.cursor, to: FakeApi.cursor, reason: "expired" }, 0)
      const { exitCode, out } = yield* cli(["task", "submit", "go", "--watch"], {
        feed: Stream.concat(Stream.make(gap), Stream.never),
        tasks: [taskOf("t1", "completed", { result: { text: "done", durationMillis: 5 } })]
      })
      assert.strictEqual(exitCode, 0)
      assert.match(out, /00:00:00 feed\.gap feed reason=expired these events are older/)
    })
  )

  it.effect("follows a turn to its answer", () =>
    Effect.gen(function* () {
      const { exitCode, out } = yield* cli(["session", "send", "s1", "hi", "--watch"], {
        feed: Stream.concat(
          Stream.make(
            eventOf("session.turn_completed", { sessionId: "s1", turnId: "u1" }),
            eventOf("session.turn_completed", { sessionId: "s1", turnId: "u2", text: "hello" })
          ),
          Stream.never
        )
      })
      assert.strictEqual(exitCode, 0)
      assert.notInclude(out, "u1")
      assert.match(out, /answer +hello/)
    })
  )
})

describe("help", () => {
  it.effect("names every command, and asks nothing", () =>
    Effect.gen(function* () {
      for (const line of [[], ["--help"]]) {
        const { asked, exitCode, out } = yield* cli(line)
        assert.strictEqual(exitCode, 0)
        assert.deepStrictEqual(
          [...out.matchAll(/^ {2}([a-z]+) {2,}[A-Z]/gm)].map(([, name]) => name),
          [
            "up",
            "demo",
            "config",
            "doctor",
            "openclaw",
            "completion",
            "status",
            "task",
            "session",
            "instance",
            "lane",
            "tenant",
            "key",
            "message",
            "call",
            "runners",
            "shards",
            "runner",
            "gateway",
            "migrate"
          ]
        )
        assert.deepStrictEqual(asked, [])
      }
    })
  )

  it.effect("shows the verbs of a noun", () =>
    Effect.gen(function* () {
      const verbs = {
        task: ["submit", "get", "result", "list", "cancel", "events", "wait", "replay"],
        session: ["create", "get", "list", "send", "result", "steer", "abort", "move", "terminate"],
        instance: [
          "register",
          "update",
          "list",
          "get",
          "health",
          "start",
          "stop",
          "drain",
          "logs",
          "metrics",
          "deregister"
        ],
        lane: ["get", "list", "configure"],
        key: ["create", "list", "revoke"]
      }
      for (const [noun, expected] of Object.entries(verbs)) {
        const { exitCode, out } = yield* cli([noun])
        assert.strictEqual(exitCode, 0)
        const listed = out.slice(out.indexOf("SUBCOMMANDS"))
        assert.deepStrictEqual(
          [...listed.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name),
          expected
        )
      }
    })
  )

  it.effect("completion prints a script that knows the commands", () =>
    Effect.gen(function* () {
      for (const shell of ["bash", "zsh", "fish"]) {
        const { exitCode, out } = yield* cli(["completion", shell])
        assert.strictEqual(exitCode, 0)
        for (const word of ["clawster", "deregister", "priority", "--idempotency-key".slice(2)])
          assert.include(out, word)
        assert.notInclude(out, "--completions")
      }
      assert.strictEqual((yield* cli(["completion", "tcsh"])).exitCode, 2)
    })
  )

  it.effect("hands a process over instead of running it inside the command line", () =>
    Effect.gen(function* () {
      for (const line of [["up", "--runners", "1"], ["demo"], ["runner"], ["gateway"], ["migrate"]]) {
        const { exitCode, isHandedOver } = yield* cli(line)
        assert.deepStrictEqual([exitCode, isHandedOver], [0, true], line.join(" "))
      }
    })
  )
})
