/**
 * The soak of minutes: what ends and stays behind shows in minutes, since little is kept for long in it. The one of
 * hours is `npm run soak`.
 */
import { assert, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { chmodSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Forms from "../../soak/Forms.ts"
import * as Report from "../../soak/Report.ts"
import * as Soak from "../../soak/Soak.ts"

it.live(
  "a cluster at a steady load, with a fault each half minute, loses nothing and keeps nothing of what has ended",
  () =>
    Effect.gen(function* () {
      const home = mkdtempSync(join(tmpdir(), "clawster-soak-"))
      // PostgreSQL runs as another user when this is root, and keeps its data here if that one can reach it.
      chmodSync(home, 0o755)
      const said: Array<string> = []
      const outcome = yield* Soak.run({
        form: { ...Forms.short(200), realGateways: 0 },
        home,
        faults: true,
        say: (line) => void said.push(line),
        stop: yield* Deferred.make<void>()
      })
      assert.deepStrictEqual(Report.failures(outcome), [], `${said.slice(-3).join("\n")}\nlogs are in ${home}`)
      assert.isAbove(outcome.ledger.counts["tasks completed"] ?? 0, 1_000)
    }),
  600_000
)
