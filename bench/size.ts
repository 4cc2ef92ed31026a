/**
 * `npm run bench:size`: what Clawster costs in memory and on disk, and how its speed moves with size. See README.md.
 */
import { Effect, Logger } from "effect"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import { withoutTracing } from "./harness/case.ts"
import * as Options from "./harness/options.ts"
import { begin, runProgram, say } from "./harness/program.ts"
import { circumstances } from "./harness/report.ts"
import type { Found, SizeCase } from "./size/case.ts"
import { journal } from "./size/journal.ts"
import { pending, pendingInOne } from "./size/pending.ts"
import * as Report from "./size/report.ts"
import { sessions } from "./size/sessions.ts"
import { steady } from "./size/steady.ts"
import { tenants } from "./size/tenants.ts"
import { week } from "./size/week.ts"

const cases: ReadonlyArray<SizeCase> = [pending, pendingInOne, sessions, week, steady, journal, tenants]
const known = cases.map(({ id }) => id)

const usage = `npm run bench:size -- [--only ID,ID] [--scale 0.1] [--directory DIR] [--output FILE]
ids: ${known.join(", ")}`

const { chosen, options, stop } = Options.make(usage, {
  only: { type: "string" },
  scale: { type: "string", default: "1" },
  directory: { type: "string", default: tmpdir() },
  output: { type: "string", default: fileURLToPath(new URL("results/size.json", import.meta.url)) }
})
const wanted = chosen(options.only, known, "case")
const scale = Number(options.scale)
if (!(scale >= 0.01 && scale <= 10)) stop("--scale: from 0.01 to 10")

const sayWithTime = (text: string) => Effect.suspend(() => say(`${new Date().toISOString().slice(11, 19)} ${text}`))

const main = Effect.gen(function* () {
  const { postgres, syncMillis } = yield* begin(options.directory)
  yield* say(`scale ${scale}\n`)
  const all: Array<Found> = []
  for (const { id, run } of cases) {
    if (!wanted.has(id)) continue
    yield* sayWithTime(`${id} …`)
    const beganCase = circumstances()
    const found = yield* Effect.scoped(run({ scale, database: postgres.database, say: sayWithTime }))
    Report.write(options.output, id, beganCase, found, { scale, syncMillis })
    all.push(found)
  }
  const figures = all.flatMap((found) => found.figures)
  const curves = all.flatMap((found) => found.curves)
  yield* say(`\n${Report.tables({ figures, curves })}`)
  yield* say(`\nwritten to ${options.output}`)
}).pipe(Effect.scoped, Effect.provide([Logger.layer([]), withoutTracing]))

await runProgram(main)
