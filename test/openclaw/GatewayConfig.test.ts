import { assert, describe, it } from "@effect/vitest"
import { type ConfigObject, gatewayConfig, gatewayEnvironment, mergeConfig } from "../../src/openclaw/GatewayConfig.ts"

const options = { port: 19_120, token: "secret", workspace: "/w", logFile: "/l/gateway.log" }
const model = { name: "demo", baseUrl: "http://127.0.0.1:1/v1", apiKey: "key", model: "demo-1" }

const at = (config: ConfigObject, path: string): unknown =>
  path.split(".").reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], config)

describe("GatewayConfig", () => {
  it("listens on loopback only, with the token, and acts only when asked", () => {
    const config = gatewayConfig({ ...options, model })
    assert.strictEqual(at(config, "gateway.bind"), "loopback")
    assert.deepStrictEqual(at(config, "gateway.auth"), { mode: "token", token: "secret" })
    assert.strictEqual(at(config, "logging.file"), "/l/gateway.log")
    assert.strictEqual(at(config, "agents.defaults.workspace"), "/w")
    assert.strictEqual(at(config, "agents.defaults.heartbeat.every"), "0m")
    assert.strictEqual(at(config, "plugins.enabled"), false)
    assert.strictEqual(at(config, "agents.defaults.model.primary"), "demo/demo-1")
    assert.strictEqual(at(config, "models.providers.demo.baseUrl"), model.baseUrl)
  })

  it("lets the user's own configuration win, except where two gateways would collide", () => {
    const base = {
      gateway: { port: 1, bind: "lan", auth: { mode: "none" }, tailscale: { mode: "off" } },
      logging: { file: "/tmp/openclaw.log", level: "debug" },
      plugins: { enabled: true },
      agents: { defaults: { model: { primary: "mine/m" }, workspace: "/theirs", heartbeat: { every: "30m" } } }
    }
    const config = gatewayConfig({ ...options, model, base })
    assert.strictEqual(at(config, "gateway.port"), 19_120)
    assert.strictEqual(at(config, "gateway.bind"), "loopback")
    assert.strictEqual(at(config, "gateway.auth.token"), "secret")
    assert.strictEqual(at(config, "gateway.tailscale.mode"), "off")
    assert.deepStrictEqual(at(config, "logging"), { level: "debug", file: "/l/gateway.log" })
    assert.strictEqual(at(config, "plugins.enabled"), true)
    assert.strictEqual(at(config, "agents.defaults.model.primary"), "mine/m")
    assert.strictEqual(at(config, "agents.defaults.workspace"), "/w")
    assert.strictEqual(at(config, "agents.defaults.heartbeat.every"), "0m")
  })

  it("names no model when none is given, and a concurrency only when asked", () => {
    assert.isUndefined(at(gatewayConfig(options), "models"))
    assert.isUndefined(at(gatewayConfig(options), "agents.defaults.maxConcurrent"))
    assert.strictEqual(at(gatewayConfig({ ...options, maxConcurrent: 3 }), "agents.defaults.maxConcurrent"), 3)
  })

  it("gives the process a state folder and a home of its own", () => {
    const env = gatewayEnvironment({ config: "/c.json", state: "/s", home: "/h" })
    assert.deepInclude(env, { OPENCLAW_CONFIG_PATH: "/c.json", OPENCLAW_STATE_DIR: "/s", HOME: "/h" })
  })

  it("lays an instance's own configuration over the runner's, key by key, and none of them over what must be ours", () => {
    const runners = { plugins: { enabled: true, entries: { a: 1, b: 2 } }, browser: { enabled: true } }
    const own = { plugins: { entries: { b: 3 } }, gateway: { bind: "lan", port: 1 } }
    const config = gatewayConfig({
      port: 19_100,
      token: "t",
      workspace: "/w",
      logFile: "/l",
      base: mergeConfig(runners, own)
    })
    assert.deepInclude(config, {
      plugins: { enabled: true, entries: { a: 1, b: 3 } },
      browser: { enabled: true }
    })
    assert.deepInclude(config["gateway"], { bind: "loopback", port: 19_100 })
  })
})
