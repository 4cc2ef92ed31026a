/**
 * pg-boss with NOTIFY and bursts. A waiter hears of the handler's end; the completion is written after it, in batches.
 */
import { PgBoss } from "pg-boss"
import { counter, serve } from "./serve.mjs"
import { versionOf } from "./versions.mjs"

const boss = new PgBoss({ connectionString: process.env.PG_URL, max: 30, useListenNotify: true })
boss.on("error", (error) => console.error(String(error)))
boss.on("warning", () => {})
await boss.start()
const done = counter()
const waiting = new Map()
await boss.createQueue("tasks", { notify: true })
const work = { batchSize: 100, localConcurrency: 8, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true }
await boss.work("tasks", work, async (jobs) => {
  for (const { data } of jobs) {
    waiting.get(data.n)?.()
    waiting.delete(data.n)
  }
  done.hit(jobs.length)
})
serve({
  version: versionOf("pg-boss"),
  note: "NOTIFY, batches of 100 × 8; told before the completion is written",
  task: async (n) => {
    const ended = new Promise((resolve) => waiting.set(n, resolve))
    await boss.send("tasks", { n })
    await ended
  },
  submit: (n) => boss.send("tasks", { n }),
  drained: (count) => done.reach(count)
})
