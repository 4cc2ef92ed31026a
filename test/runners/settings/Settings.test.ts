/** Settings as a process meets them: checked before it starts, and shown with where they come from. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as EnvironmentCheck from "../../../src/runners/settings/EnvironmentCheck.ts"
import * as HostName from "../../../src/runners/settings/HostName.ts"
import * as SettingsTable from "../../../src/runners/settings/SettingsTable.ts"
import * as Home from "../../fixtures/processes/Home.ts"

const wrong: ReadonlyArray<readonly [name: string, value: string, expected: RegExp]> = [
  ["CLAWSTER_RUNNER_PORT", "65536", /=65536: expected a port/],
  ["CLAWSTER_RUNNER_PORT", "eighty", /expected a port/],
  ["CLAWSTER_LEASE_MILLIS", "5", /expected a whole number, 1000 to 120000/],
  ["CLAWSTER_LEASE_MILLIS", "6000.5", /whole number/],
  ["CLAWSTER_HOST_NAME", "a/b", /letters, digits/],
  ["CLAWSTER_HOST_NAME", "größe", /letters, digits/],
  ["CLAWSTER_REGION", "eu west", /letters, digits/],
  ["CLAWSTER_DRIVERS", "docker", /some of process, remote, simulated/],
  ["CLAWSTER_GATEWAY_COMMAND", '["a"', /JSON array/],
  ["CLAWSTER_GATEWAY_CONFIG", "[1]", /CLAWSTER_GATEWAY_CONFIG: expected a JSON object/],
  ["CLAWSTER_MODEL", '{"name":"secret"}', /CLAWSTER_MODEL: expected JSON \{name/],
  ["CLAWSTER_RETENTION_TASKS", "a while", /duration/],
  ["CLAWSTER_LOG", "xml", /json or pretty/],
  ["CLAWSTER_LOG_LEVEL", "loud", /Debug/],
  ["CLAWSTER_TRACE_RATIO", "1.5", /0 to 1/],
  ["CLAWSTER_DATABASE_CONNECTIONS", "0", /2 to 1000/],
  ["CLAWSTER_OPENCLAW_VERSION", "latest", /exact version/]
]

describe("settings", () => {
  it.effect("are refused with their name and what is expected; secrets are not repeated", () =>
    Effect.gen(function* () {
      for (const [name, value, expected] of wrong) {
        const [fault, ...others] = yield* EnvironmentCheck.faults("runner", { [name]: value })
        assert.deepStrictEqual(others, [], name)
        assert.match(fault?.message ?? `${name}=${value} was accepted`, expected)
        assert.notInclude(fault?.message, "secret")
      }
    })
  )

  it.effect("that are absent or of another process are no fault", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* EnvironmentCheck.faults("runner", {}), [])
      assert.deepStrictEqual(yield* EnvironmentCheck.faults("gateway", { CLAWSTER_LEASE_MILLIS: "x" }), [])
      assert.deepStrictEqual(EnvironmentCheck.withoutEmpty({ CLAWSTER_REGION: "", A: "b" }), { A: "b" })
    })
  )

  it("that nobody reads are told, with the name that was probably meant", () => {
    assert.deepStrictEqual(
      EnvironmentCheck.unknown({
        CLAWSTER_RUNNER_PROT: "1",
        CLAWSTER_QUITE_ANOTHER_THING: "1",
        OTHER: "1"
      }),
      [
        "CLAWSTER_RUNNER_PROT is set and nothing reads it; did you mean CLAWSTER_RUNNER_PORT?",
        "CLAWSTER_QUITE_ANOTHER_THING is set and nothing reads it"
      ]
    )
  })

  it("of earlier versions that are not used any more are told, and are no fault", () => {
    const [hosts, regions] = EnvironmentCheck.unknown({ CLAWSTER_HOSTS: "a,b", CLAWSTER_REGIONS: "eu" })
    assert.match(hosts!, /^CLAWSTER_HOSTS is set and is no longer used: .*leave it out$/)
    assert.match(regions!, /^CLAWSTER_REGIONS is set and is no longer used: .*leave it out$/)
  })

  it.live("are shown with where they come from, and secrets are hidden", () =>
    Effect.gen(function* () {
      const home = yield* Home.make
      writeFileSync(join(home, "host-name"), "old\n")
      const { rows } = yield* SettingsTable.rows(
        { CLAWSTER_HOME: home, DATABASE_URL: "postgres://u:secret@h/d", CLAWSTER_RUNNER_PORT: "x" },
        "runner"
      )
      const shown = (name: string) => rows.find((row) => row.name === name)
      assert.deepInclude(shown("DATABASE_URL"), { value: "(hidden)", from: "environment", isWrong: false })
      assert.deepInclude(shown("CLAWSTER_RUNNER_PORT"), { value: "x", from: "environment", isWrong: true })
      assert.deepInclude(shown("CLAWSTER_HOST_NAME"), { value: "old", from: "file", note: join(home, "host-name") })
      assert.deepInclude(shown("CLAWSTER_LEASE_MILLIS"), { value: "6000", from: "default" })
      assert.isUndefined(shown("CLAWSTER_HTTP_PORT"))
    }).pipe(Effect.scoped)
  )
})

describe("the name of a home's host", () => {
  it.live("is chosen once, and a given name goes before it and is told", () =>
    Effect.gen(function* () {
      const home = yield* Home.make
      assert.deepStrictEqual(yield* HostName.ofHome(home, Option.none(), "carried"), {
        current: "carried",
        former: undefined
      })
      assert.strictEqual(readFileSync(join(home, "host-name"), "utf8"), "carried\n")
      assert.strictEqual((yield* HostName.ofHome(home, Option.none())).current, "carried")
      const given = yield* HostName.ofHome(home, Option.some("other"))
      assert.deepStrictEqual(given, { current: "other", former: "carried" })
      assert.match(HostName.note(given, home) ?? "", /was host carried before: .* not served from here/)
      assert.strictEqual((yield* HostName.ofHome(home, Option.none())).current, "carried")
    }).pipe(Effect.scoped)
  )
})
