/** Restate's service endpoint. */
import * as restate from "@restatedev/restate-sdk"

let ended = 0
const task = restate.service({
  name: "task",
  handlers: {
    noop: async (_, x) => {
      ended++
      return x
    }
  }
})
const counter = restate.object({
  name: "counter",
  handlers: {
    add: async (context, by) => {
      const total = ((await context.get("total")) ?? 0) + by
      context.set("total", total)
      return total
    }
  }
})
setInterval(() => {
  if (ended === 0) return
  process.send({ ended })
  ended = 0
}, 5)
process.on("disconnect", () => process.exit(0))
await restate.serve({ services: [task, counter], port: Number(process.argv[2]) })
process.send({ ended: 0 })
