/**
 * Restate: its server, with its own store on the same disk, and a service endpoint in a process of its own; called over
 * its HTTP ingress.
 */
import { fork, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { Pool } from "undici"
import { counter, serve } from "./serve.mjs"
import { versionOf } from "./versions.mjs"

const first = Number(process.env.PEER_PORT)
const [ingress, admin, node, endpointPort] = [first, first + 1, first + 2, first + 3]
const require = createRequire(import.meta.url)
const native = `@restatedev/restate-server-${process.platform}-${process.arch}/package.json`
const server = join(dirname(require.resolve(native)), "bin", "restate-server")
const directory = mkdtempSync(join(tmpdir(), "clawster-restate-"))
const partitions = "4"
const restate = spawn(
  server,
  ["--no-logo", "--base-dir", directory, "--listen-mode", "tcp", "--bind-ip", "127.0.0.1"],
  {
    stdio: "ignore",
    env: {
      ...process.env,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
      RESTATE_DEFAULT_NUM_PARTITIONS: partitions,
      RESTATE_DISABLE_TELEMETRY: "true",
      DO_NOT_TRACK: "1",
      RUST_LOG: "warn"
    }
  }
)
const endpoint = fork(new URL("./restate-endpoint.mjs", import.meta.url), [String(endpointPort)], {
  env: { ...process.env, RESTATE_LOGGING: "ERROR" }
})
process.on("exit", () => {
  endpoint.kill("SIGKILL")
  restate.kill("SIGKILL")
  rmSync(directory, { recursive: true, force: true })
})
const done = counter()
await new Promise((resolve) => endpoint.once("message", resolve))
endpoint.on("message", ({ ended }) => done.hit(ended))

const register = async () => {
  const response = await fetch(`http://127.0.0.1:${admin}/deployments`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ uri: `http://127.0.0.1:${endpointPort}` })
  })
  if (!response.ok) throw new Error(await response.text())
}
for (let attempt = 1; ; attempt++) {
  try {
    await register()
    break
  } catch (error) {
    if (attempt === 60) throw error
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

const pool = new Pool(`http://127.0.0.1:${ingress}`, { connections: 64, pipelining: 1 })
const post = async (path, body, headers = {}) => {
  const response = await pool.request({
    method: "POST",
    path,
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body)
  })
  const text = await response.body.text()
  if (response.statusCode >= 300) throw new Error(`${response.statusCode} ${text}`)
  return text
}
serve({
  version: versionOf("@restatedev/restate-server"),
  note: `${partitions} partitions, idempotency key; object with state for keys`,
  task: (n) => post("/task/noop", n, { "idempotency-key": `task-${n}` }),
  submit: (n) => post("/task/noop/send", n, { "idempotency-key": `task-${n}` }),
  drained: (count) => done.reach(count),
  keyed: (key) => post(`/counter/${key}/add`, 1)
})
