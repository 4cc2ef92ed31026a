/** `npm run bench:size`: what Clawster costs in memory and on disk, and how its speed moves with size. See README.md. */
import { Cause, Effect, Exit, Logger } from "effect"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import { withoutTracing } from "./case.ts"
import * as Options from "./options.ts"
import * as Postgres from "./postgres.ts"
import { circumstances } from "./report.ts"
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

const say = (text: string) => Effect.sync(() => process.stdout.write(`${text}\n`))
const sayWithTime = (text: string) => Effect.suspend(() => say(`${new Date().toISOString().slice(11, 19)} ${text}`))

const main = Effect.gen(function* () {
  const began = circumstances()
  const syncMillis = Postgres.syncMillis(options.directory)
  yield* say(`${began.cores} × ${began.cpu}, Node ${began.node}, commit ${began.commit}, load ${began.loadavg[0]}`)
  yield* say(
    `PostgreSQL 18, fsync on, ${options.directory}: one synced 8 kB write takes ${syncMillis} ms; scale ${scale}\n`
  )
  const postgres = yield* Postgres.start(options.directory)
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

const controller = new AbortController()
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort())
const exit = await Effect.runPromiseExit(main, { signal: controller.signal })
if (Exit.isFailure(exit)) process.stderr.write(`${Cause.pretty(exit.cause)}\n`)
process.exit(Exit.isSuccess(exit) ? 0 : 1)
