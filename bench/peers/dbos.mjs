/**
 * DBOS: a library, workflows run in the process that starts them. Each has an idempotency key; no step, so one row at
 * its start and one at its end.
 */
import { DBOS } from "@dbos-inc/dbos-sdk"
import { counter, serve } from "./serve.mjs"
import { versionOf } from "./versions.mjs"

const done = counter()
const noop = DBOS.registerWorkflow(
  async (x) => {
    done.hit()
    return x
  },
  { name: "noop" }
)
DBOS.setConfig({
  name: "bench",
  systemDatabaseUrl: process.env.PG_URL,
  systemDatabasePoolSize: 20,
  logLevel: "error",
  runAdminServer: false
})
await DBOS.launch()
serve({
  version: versionOf("@dbos-inc/dbos-sdk"),
  note: "in process, workflow id as key, no step",
  task: async (n) => (await DBOS.startWorkflow(noop, { workflowID: `task-${n}` })(n)).getResult(),
  submit: (n) => DBOS.startWorkflow(noop, { workflowID: `task-${n}` })(n),
  drained: (count) => done.reach(count)
})
