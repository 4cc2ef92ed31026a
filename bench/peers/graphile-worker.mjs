/** graphile-worker with its local queue and batched completion. */
import { createRequire } from "node:module"
import { Logger, makeWorkerUtils, run } from "graphile-worker"
import { counter, serve } from "./serve.mjs"
import { versionOf } from "./versions.mjs"

const pg = createRequire(import.meta.url)("pg")
const logger = new Logger(() => () => {})
const connectionString = process.env.PG_URL
const utils = await makeWorkerUtils({ connectionString, logger, maxPoolSize: 20 })
await utils.migrate()
const pool = new pg.Pool({ connectionString, max: 30 })
pool.on("error", () => {})
pool.on("connect", (client) => client.on("error", () => {}))
const done = counter()
const waiting = new Map()
const runner = await run({
  pgPool: pool,
  logger,
  concurrency: 24,
  noHandleSignals: true,
  noPreparedStatements: false,
  taskList: { task: async () => {} },
  preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } }
})
/** Comes after the job's row is gone for good. */
runner.events.on("job:complete", ({ job }) => {
  done.hit()
  waiting.get(job.payload.n)?.()
  waiting.delete(job.payload.n)
})
serve({
  version: versionOf("graphile-worker"),
  note: "local queue of 500, batched completion",
  task: async (n) => {
    const ended = new Promise((resolve) => waiting.set(n, resolve))
    await utils.addJob("task", { n })
    await ended
  },
  submit: (n) => utils.addJob("task", { n }),
  drained: (count) => done.reach(count)
})
