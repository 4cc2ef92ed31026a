/** Does BullMQ's tasks, and tells its parent how many have ended. */
import { Worker } from "bullmq"

const connection = { host: "127.0.0.1", port: Number(process.argv[2]) }
const worker = new Worker("tasks", async (job) => job.data.n, { connection, concurrency: 64 })
let ended = 0
worker.on("completed", () => {
  ended++
})
setInterval(() => {
  if (ended === 0) return
  process.send({ ended })
  ended = 0
}, 5)
await worker.waitUntilReady()
process.on("disconnect", () => process.exit(0))
process.send({ ended: 0 })
