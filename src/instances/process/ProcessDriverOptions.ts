/** What a host's process driver is told. */
import type { ConfigObject, ModelProvider } from "../../openclaw/GatewayConfig.ts"
import type { LauncherOptions } from "./Launcher.ts"
import type { PortRange } from "./files/PortRange.ts"

export interface ProcessDriverOptions {
  /** Holds one folder an instance, and the port reservations. Shared by all runners of a host. */
  readonly directory: string
  readonly launcher: LauncherOptions
  /** From 19100, bases 20 apart, when not given. */
  readonly ports?: PortRange
  /** Gateways that start at once in this runner; 2 when not given, since a start takes six to eight CPU seconds. */
  readonly startConcurrency?: number
  /** From launch to the startup probe; 120 s when not given. */
  readonly startupTimeoutMillis?: number
  /** How long a launcher variant has to start before the next one is tried; 30 s when not given. */
  readonly variantWindowMillis?: number
  /** How long a gateway lives on without a runner; 60 s when not given. */
  readonly orphanAfterMillis?: number
  /**
   * What becomes of the gateways when the runner stops in order: left for the next runner (when not given), or stopped.
   */
  readonly onShutdown?: "leave" | "stop"
  readonly shutdownGraceMillis?: number
  /** The model of gateways whose configuration names none. */
  readonly model?: ModelProvider
  /** What an instance's own `gatewayConfig` is merged over. */
  readonly config?: ConfigObject
  /** Added to the gateways' environment. Of the runner's own only a few harmless variables are passed on. */
  readonly environment?: Readonly<Record<string, string>>
}

export const defaultProcessOptions = {
  startConcurrency: 2,
  startupTimeoutMillis: 120_000,
  variantWindowMillis: 30_000,
  orphanAfterMillis: 60_000,
  onShutdown: "leave" as const,
  shutdownGraceMillis: 10_000,
  environment: {}
}
