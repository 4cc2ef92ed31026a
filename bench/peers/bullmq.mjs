/** BullMQ on a Redis of its own that syncs its log on every write, worker in a process of its own. */
import { fork, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Queue, QueueEvents } from "bullmq"
import { counter, serve } from "./serve.mjs"
import { versionOf } from "./versions.mjs"

const port = Number(process.env.PEER_PORT)
const directory = mkdtempSync(join(tmpdir(), "clawster-redis-"))
const settings = ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction"]
const redis = spawn(
  process.env.REDIS_SERVER,
  ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory, ...settings],
  {
    stdio: "ignore"
  }
)
const worker = fork(new URL("./bullmq-worker.mjs", import.meta.url), [String(port)])
process.on("exit", () => {
  worker.kill("SIGKILL")
  redis.kill("SIGKILL")
  rmSync(directory, { recursive: true, force: true })
})
const done = counter()
await new Promise((resolve) => worker.once("message", resolve))
worker.on("message", ({ ended }) => done.hit(ended))
const connection = { host: "127.0.0.1", port }
const queue = new Queue("tasks", { connection })
queue.setMaxListeners(0)
const events = new QueueEvents("tasks", { connection })
events.setMaxListeners(0)
await events.waitUntilReady()
serve({
  version: versionOf("bullmq"),
  note: "Redis, appendfsync always; one worker process, 64 at once",
  task: async (n) => (await queue.add("task", { n })).waitUntilFinished(events),
  submit: (n) => queue.add("task", { n }),
  drained: (count) => done.reach(count)
})
