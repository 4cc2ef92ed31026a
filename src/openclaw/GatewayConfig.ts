/**
 * The configuration of one gateway process that Clawster starts: what it listens on, where it writes, and which model
 * it uses. Clawster's own values always override the user's for some settings, because two gateways on one machine
 * would otherwise share a port, a log file or a workspace, or would act on their own.
 */
import { Schema } from "effect"

/** An OpenAI-compatible model provider, called at `<baseUrl>/chat/completions`. */
export const ModelProvider = Schema.Struct({
  /** The provider's name in the configuration; the model is addressed as `<name>/<model>`. */
  name: Schema.NonEmptyString,
  baseUrl: Schema.NonEmptyString,
  apiKey: Schema.String,
  model: Schema.NonEmptyString,
  contextWindowTokens: Schema.optionalKey(Schema.Int),
  maxOutputTokens: Schema.optionalKey(Schema.Int)
})
export type ModelProvider = typeof ModelProvider.Type

export interface GatewayConfigOptions {
  readonly port: number
  readonly token: string
  /** Absolute path of the agent's working folder. */
  readonly workspace: string
  /** Absolute path; without it all gateways of a machine write to one file. */
  readonly logFile: string
  /** Maximum concurrent turns in this gateway, across all its sessions. */
  readonly maxConcurrent?: number
  /** Used when `base` names no model of its own. */
  readonly model?: ModelProvider
  /**
   * The user's own OpenClaw configuration. It overrides the defaults and the model, never the settings that Clawster
   * needs.
   */
  readonly base?: ConfigObject
}

export type ConfigValue = Schema.Json
export type ConfigObject = { readonly [key: string]: ConfigValue }

/** The gateway's configuration file. Pure: the same options give the same file. */
export const gatewayConfig = (options: GatewayConfigOptions): ConfigObject =>
  mergeConfig(
    mergeConfig(defaults, options.model === undefined ? {} : modelConfig(options.model)),
    options.base ?? {},
    ours(options)
  )

const defaults: ConfigObject = {
  logging: { level: "info" },
  cron: { enabled: false },
  plugins: { enabled: false },
  browser: { enabled: false },
  agents: { defaults: { skipBootstrap: true } },
  /**
   * The gateway archives deleted sessions. Clawster keeps tasks and sessions itself, so the archives expire early; the
   * process driver removes those that remain.
   */
  session: { maintenance: { resetArchiveRetention: "10m", maxDiskBytes: "2gb" } }
}

const ours = (options: GatewayConfigOptions): ConfigObject => ({
  gateway: {
    mode: "local",
    port: options.port,
    bind: "loopback",
    auth: { mode: "token", token: options.token },
    controlUi: { enabled: false },
    terminal: { enabled: false }
  },
  logging: { file: options.logFile },
  discovery: { mdns: { mode: "off" } },
  update: { checkOnStart: false },
  agents: {
    defaults: {
      workspace: options.workspace,
      heartbeat: { every: "0m" },
      ...(options.maxConcurrent === undefined ? {} : { maxConcurrent: options.maxConcurrent })
    }
  }
})

const modelConfig = (provider: ModelProvider): ConfigObject => ({
  agents: { defaults: { model: { primary: `${provider.name}/${provider.model}` } } },
  models: {
    mode: "replace",
    providers: {
      [provider.name]: {
        baseUrl: provider.baseUrl,
        apiKey: provider.apiKey,
        api: "openai-completions",
        models: [
          {
            id: provider.model,
            name: provider.model,
            reasoning: false,
            input: ["text"],
            cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
            contextWindow: provider.contextWindowTokens ?? 128_000,
            maxTokens: provider.maxOutputTokens ?? 4096
          }
        ]
      }
    }
  }
})

const isObject = (value: ConfigValue | undefined): value is ConfigObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Objects are merged key by key, anything else is replaced; the last one wins. */
export const mergeConfig = (...configs: ReadonlyArray<ConfigObject>): ConfigObject =>
  configs.reduce((left, right) => {
    const merged: Record<string, ConfigValue> = { ...left }
    for (const [key, value] of Object.entries(right)) {
      const present = merged[key]
      merged[key] = isObject(present) && isObject(value) ? mergeConfig(present, value) : value
    }
    return merged
  }, {})

export interface GatewayPaths {
  readonly config: string
  readonly state: string
  /** A separate home directory, so that the gateway neither reads nor writes the user's. */
  readonly home: string
}

/** The environment that makes a gateway process use these paths and leave its lifecycle to Clawster. */
export const gatewayEnvironment = (paths: GatewayPaths): Record<string, string> => ({
  OPENCLAW_CONFIG_PATH: paths.config,
  OPENCLAW_STATE_DIR: paths.state,
  HOME: paths.home,
  OPENCLAW_DISABLE_BONJOUR: "1",
  OPENCLAW_NO_RESPAWN: "1",
  OPENCLAW_SKIP_CHANNELS: "1",
  OPENCLAW_EXEC_SHELL_SNAPSHOT: "0"
})
