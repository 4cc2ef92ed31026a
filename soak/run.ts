/**
 * `npm run soak -- [--hours N | --minutes N] [--out DIR] [--real N] [--no-faults]`: a real cluster at a steady load for
 * hours, and whatever grows beyond its bound fails it. Below 15 minutes, the form with time-accelerated retention and
 * samples each 5 s. Ctrl-C ends it in order, with a report.
 */
import { Deferred, Effect } from "effect"
import { chmodSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Options from "../bench/harness/options.ts"
import * as Forms from "./Forms.ts"
import * as Report from "./Report.ts"
import * as Soak from "./Soak.ts"

const usage = "npm run soak -- [--hours N | --minutes N] [--out DIR] [--real N] [--no-faults]"
const { options: args, stop: refuse } = Options.make(usage, {
  hours: { type: "string" },
  minutes: { type: "string" },
  out: { type: "string", default: join("docs", "soak") },
  real: { type: "string" },
  "no-faults": { type: "boolean", default: false }
})
const seconds = args.minutes !== undefined ? Number(args.minutes) * 60 : Number(args.hours ?? 2) * 3_600
const real = args.real === undefined ? undefined : Number(args.real)
if (!(seconds >= 60)) refuse("--hours, --minutes: at least one minute")
if (real !== undefined && !(Number.isInteger(real) && real >= 0)) refuse("--real: how many gateways, from 0 on")
const shape = seconds < 900 ? Forms.short(seconds) : Forms.long(seconds)
const form = real === undefined ? shape : { ...shape, realGateways: real }
const say = (line: string) => process.stdout.write(`${line}\n`)

/** A terminal and npm may each send the first signal, so a second one counts from some seconds later on. */
const secondAfterMillis = 3_000
const stop = Deferred.makeUnsafe<void>()
let stoppedAt: number | undefined
const end = () => {
  if (stoppedAt !== undefined && performance.now() - stoppedAt > secondAfterMillis) process.exit(130)
  if (stoppedAt !== undefined) return
  stoppedAt = performance.now()
  say("ending in order; once more to leave everything as it is")
  Deferred.doneUnsafe(stop, Effect.void)
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, end)

const home = mkdtempSync(join(tmpdir(), "clawster-soak-"))
// PostgreSQL runs as another user when this is root, and keeps its data here if that one can reach it.
chmodSync(home, 0o755)
say(`${(seconds / 60).toFixed(0)} minutes, a sample each ${form.sampleEvery} s; home ${home}, removed when all is well`)
const outcome = await Effect.runPromise(Soak.run({ form, home, faults: !args["no-faults"], say, stop }))
Report.write(args.out, outcome)
say(Report.summary(outcome))
process.exit(Report.failures(outcome).length === 0 ? 0 : 1)
