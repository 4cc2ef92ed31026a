import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../", import.meta.url))

interface Found {
  readonly filename: string
  readonly code: string
}

type Case = readonly [file: string, text: string]

/** Lints them all at once, each as a file of that folder under the rules of the house; the codes found in each. */
const lint = (cases: ReadonlyArray<Case>): ReadonlyArray<ReadonlyArray<string>> => {
  const directory = mkdtempSync(join(tmpdir(), "boundaries-"))
  try {
    copyFileSync(join(root, ".oxlintrc.json"), join(directory, ".oxlintrc.json"))
    const files = cases.map(([file, text], index) => {
      const numbered = join(dirname(file), `X${index}${basename(file)}`)
      mkdirSync(join(directory, dirname(file)), { recursive: true })
      writeFileSync(join(directory, numbered), `${text}\n`)
      return numbered
    })
    const { stdout } = spawnSync(
      process.execPath,
      [join(root, "node_modules/oxlint/bin/oxlint"), "-f", "json", "--quiet"],
      {
        cwd: directory,
        encoding: "utf8"
      }
    )
    const found: ReadonlyArray<Found> = JSON.parse(stdout).diagnostics
    return files.map((file) => found.filter(({ filename }) => filename === file).map(({ code }) => code))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const imported = (specifier: string) => `import { x } from "${specifier}"\nexport const y = x`

const forbidden: ReadonlyArray<readonly [string, string]> = [
  ["src/schema/A.ts", "../rpc/B.ts"],
  ["src/schema/A.ts", "ws"],
  ["src/schema/events/A.ts", "../../actor/Actor.ts"],
  ["src/rpc/A.ts", "../entities/Lane.ts"],
  ["src/rpc/A.ts", "node:fs"],
  ["src/actor/A.ts", "../entities/Lane.ts"],
  ["src/processes/A.ts", "../schema/Ids.ts"],
  ["src/actor/A.ts", "../rpc/LaneRpcs.ts"],
  ["src/rpc/A.ts", "../actor/Actor.ts"],
  ["src/actor/A.ts", "@effect/sql-pg"],
  ["src/entities/A.ts", "../actor/Actor.ts"],
  ["src/entities/A.ts", "./Lane/LaneActor.ts"],
  ["src/entities/A.ts", "../instances/ProcessDriver.ts"],
  ["src/entities/A.ts", "../instances/InstanceDriver.ts"],
  ["src/entities/A.ts", "../ports/Reads.ts"],
  ["src/ports/A.ts", "../actor/Actor.ts"],
  ["src/ports/A.ts", "../instances/ProcessDriver.ts"],
  ["src/ports/A.ts", "../instances/InstanceDriver.ts"],
  ["src/entities/Lane/dispatch/A.ts", "../../Instance/InstanceActor.ts"],
  ["src/entities/Lane/A.ts", "../Instance/InstanceActor.ts"],
  ["src/entities/Lane/A.ts", "../../shards/Cluster.ts"],
  ["src/entities/Lane/A.ts", "../../instances/InstanceDriverSet.ts"],
  ["src/entities/Lane/A.ts", "../../openclaw/protocol/GatewayClient.ts"],
  ["src/entities/Lane/A.ts", "node:path"],
  ["src/entities/catalog/A.ts", "../../shards/Cluster.ts"],
  ["src/shards/A.ts", "../entities/Lane/LaneActor.ts"],
  ["src/shards/A.ts", "../entities/catalog/Actors.ts"],
  ["src/shards/A.ts", "../instances/InstanceDriver.ts"],
  ["src/instances/A.ts", "../entities/Lane.ts"],
  ["src/openclaw/A.ts", "../instances/InstanceDriver.ts"],
  ["src/openclaw/A.ts", "@effect/sql-pg"],
  ["src/auth/A.ts", "node:crypto"],
  ["src/gateway/A.ts", "../entities/Lane/LaneActor.ts"],
  ["src/gateway/A.ts", "../entities/catalog/Actors.ts"],
  ["src/gateway/A.ts", "../actor/ActorLayer.ts"],
  ["src/gateway/A.ts", "../actor/runtime/Activation.ts"],
  ["src/gateway/A.ts", "../shards/Database.ts"],
  ["src/gateway/A.ts", "@effect/platform-node"],
  ["src/gateway/handlers/A.ts", "../../instances/InstanceDriver.ts"],
  ["src/cli/A.ts", "../gateway/Server.ts"],
  ["src/cli/commands/a.ts", "../../runners/migrate.ts"],
  ["src/cli/commands/a.ts", "../../rpc/LaneRpcs.ts"],
  ["src/auth/A.ts", "../rpc/operations/Operations.ts"],
  ["src/observability/A.ts", "../actor/Actor.ts"],
  ["src/testing/A.ts", "../runners/runner.ts"]
]

const allowed: ReadonlyArray<readonly [string, string]> = [
  ["src/schema/A.ts", "effect"],
  ["src/schema/events/A.ts", "../Ids.ts"],
  ["src/rpc/A.ts", "effect/rpc"],
  ["src/rpc/A.ts", "../actor/Protocol.ts"],
  ["src/entities/A.ts", "../rpc/LaneRpcs.ts"],
  ["src/entities/Lane/A.ts", "../Instance.ts"],
  ["src/entities/Lane/A.ts", "../routing/Router.ts"],
  ["src/entities/catalog/A.ts", "../Lane/LaneActor.ts"],
  ["src/entities/Lane/A.ts", "../../instances/InstanceDriver.ts"],
  ["src/entities/Lane/A.ts", "../../openclaw/GatewayLink.ts"],
  ["src/shards/A.ts", "@effect/sql-pg"],
  ["src/gateway/A.ts", "../actor/ActorClient.ts"],
  ["src/gateway/A.ts", "../ports/Reads.ts"],
  ["src/entities/Lane/dispatch/A.ts", "../LaneState.ts"],
  ["src/entities/Lane/dispatch/A.ts", "../../routing/Router.ts"],
  ["src/gateway/ServerNode.ts", "@effect/platform-node"],
  ["src/cli/A.ts", "../rpc/Client.ts"],
  ["src/cli/A.ts", "../rpc/ClientRpcs.ts"],
  ["src/cli/A.ts", "../rpc/operations/Operations.ts"],
  ["src/runners/A.ts", "../shards/Cluster.ts"]
]

const rule = "eslint(no-restricted-imports)"

describe("Boundaries", () => {
  it("refuse every import that is not theirs", () => {
    const found = lint(forbidden.map(([file, specifier]) => [file, imported(specifier)]))
    assert.deepStrictEqual(
      forbidden.filter((_, index) => !found[index]!.includes(rule)),
      []
    )
  })

  it("let through what a folder may import", () => {
    const found = lint(allowed.map(([file, specifier]) => [file, imported(specifier)]))
    assert.deepStrictEqual(
      allowed.filter((_, index) => found[index]!.includes(rule)),
      []
    )
  })

  it("let a port name the types of another", () => {
    const types = `import type { x } from "../instances/InstanceDriver.ts"\nexport type Y = x`
    assert.deepStrictEqual(lint([["src/ports/A.ts", types]]), [[]])
  })

  it("let the command line load what it starts only when it starts it", () => {
    for (const command of ["processes", "openclaw", "config", "doctor"]) {
      const source = readFileSync(join(root, `src/cli/commands/${command}.ts`), "utf8")
      assert.match(source, /import\("\.\.\/\.\.\/(runners|openclaw)\//)
      assert.notMatch(source, /from "\.\.\/\.\.\/(runners|openclaw)\//)
    }
  })

  it("keep console, environment, clock and randomness out of all but the adapters", () => {
    const lines = [
      "console.log(1)",
      "export const a = process.env.A",
      "export const a = Date.now()",
      "export const a = Math.random()"
    ]
    assert.deepStrictEqual(
      lint(lines.map((line) => ["src/gateway/A.ts", line])).map((codes) => codes.at(-1)),
      [
        "eslint(no-console)",
        "node(no-process-env)",
        "eslint(no-restricted-properties)",
        "eslint(no-restricted-properties)"
      ]
    )
    assert.deepStrictEqual(lint([["src/cli/A.ts", "console.log(process.env.A)"]]), [[]])
  })
})
