/** `npm run bench`: every case beside its baseline, in one run on one machine. See README.md. */
import { Effect, Logger } from "effect"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import { type Case, type Measured, withoutTracing } from "./harness/case.ts"
import { accept } from "./cases/accept.ts"
import { alone } from "./cases/alone.ts"
import { bulkSubmit } from "./cases/bulk-submit.ts"
import { dequeueStart } from "./cases/dequeue-start.ts"
import { durableTask } from "./cases/durable-task.ts"
import { entityMessage } from "./cases/entity-message.ts"
import { hotKey } from "./cases/hot-key.ts"
import { keyedCallEmbedded } from "./cases/keyed-call-embedded.ts"
import { keyedCall } from "./cases/keyed-call.ts"
import { routing } from "./cases/routing.ts"
import { runners } from "./cases/runners.ts"
import { streaming } from "./cases/streaming.ts"
import { submitDrain } from "./cases/submit-drain.ts"
import { volatileCall } from "./cases/volatile-call.ts"
import * as Options from "./harness/options.ts"
import { begin, runProgram, say } from "./harness/program.ts"
import * as Report from "./harness/report.ts"

const cases: ReadonlyArray<Case> = [
  keyedCall,
  keyedCallEmbedded,
  hotKey,
  alone,
  volatileCall,
  entityMessage,
  durableTask,
  submitDrain,
  bulkSubmit,
  accept,
  dequeueStart,
  streaming,
  routing,
  runners
]
const known = cases.flatMap(({ ids }) => ids)

const usage = `npm run bench -- [--only ID,ID] [--rounds N] [--quick] [--directory DIR] [--output FILE]
ids: ${known.join(", ")}`

const { chosen, options, stop } = Options.make(usage, {
  only: { type: "string" },
  rounds: { type: "string" },
  quick: { type: "boolean", default: false },
  directory: { type: "string", default: tmpdir() },
  output: { type: "string", default: fileURLToPath(new URL("results/latest.json", import.meta.url)) }
})
const wanted = chosen(options.only, known, "case")
const rounds = Number(options.rounds ?? (options.quick ? 1 : 5))
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) stop("--rounds: a whole number from 1 to 100")

const main = Effect.gen(function* () {
  const { began, postgres, syncMillis } = yield* begin(options.directory)
  yield* say(`${rounds} rounds, Clawster and baseline in turn; median, with min–max\n`)
  const bench = {
    rounds,
    seconds: options.quick ? 1.5 : 4,
    scale: options.quick ? 0.25 : 1,
    postgresPid: postgres.pid,
    database: postgres.database
  }
  const rows: Array<Measured> = []
  for (const { ids, run } of cases) {
    if (!ids.some((id) => wanted.has(id))) continue
    yield* say(`${new Date().toISOString().slice(11, 19)} ${ids.join(", ")} …`)
    const found = (yield* Effect.scoped(run(bench))).filter(({ id }) => wanted.has(id))
    for (const row of found) yield* say(`         ${Report.line(row)}`)
    rows.push(...found)
  }
  yield* say(`\n${Report.table(rows)}`)
  Report.write(options.output, began, rows, { syncMillis, quick: options.quick })
  yield* say(`\nwritten to ${options.output}`)
}).pipe(Effect.scoped, Effect.provide([Logger.layer([]), withoutTracing]))

await runProgram(main)
