/**
 * The demo of the README, as a user runs it: a process that ends with 0 only when nothing was lost, doubled or out of
 * order.
 */
import { NodeServices } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as OpenClawInstall from "../../src/openclaw/install/OpenClawInstall.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))

const demo = (home: string) =>
  Effect.callback<{ readonly code: number; readonly output: string }>((resume) => {
    execFile(
      process.execPath,
      [join(root, "src", "cli", "main.ts"), "demo", "--home", home],
      {
        cwd: root,
        env: { ...process.env, CLAWSTER_OPENCLAW_DIRECTORY: join(root, ".clawster", "openclaw") },
        maxBuffer: 10_000_000,
        timeout: 280_000
      },
      (error, stdout, stderr) =>
        resume(Effect.succeed({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr }))
    )
  })

it.live(
  "the demo kills a runner and loses nothing",
  () =>
    Effect.gen(function* () {
      yield* OpenClawInstall.ensure({ directory: join(root, ".clawster", "openclaw") })
      const home = mkdtempSync(join(tmpdir(), "clawster-demo-"))
      const { code, output } = yield* demo(home)
      assert.strictEqual(code, 0, output)
      assert.match(output, /killed runner-\d \(SIGKILL\)/)
      assert.match(output, /tasks +40 +40 +0 +0 +0 +0/)
      rmSync(home, { recursive: true, force: true })
    }).pipe(Effect.provide(NodeServices.layer)),
  300_000
)
