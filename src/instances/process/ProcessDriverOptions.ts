/** The options of a host's process driver. */
import type { ConfigObject, ModelProvider } from "../../openclaw/GatewayConfig.ts"
import type { LauncherOptions } from "./Launcher.ts"
import type { PortRange } from "./files/PortRange.ts"

export interface ProcessDriverOptions {
  /** Holds one folder per registration of an instance, and the port reservations. Shared by all runners of a host. */
  readonly directory: string
  readonly launcher: LauncherOptions
  /** From 19100 to 31080, base ports 20 apart, when not given. */
  readonly ports?: PortRange
  /**
   * Maximum concurrent gateway starts in this runner; 2 when not given, since a start takes six to eight CPU seconds.
   */
  readonly startConcurrency?: number
  /** Milliseconds from launch to a successful startup probe; 120 s when not given. */
  readonly startupTimeoutMillis?: number
  /** Milliseconds that a launcher variant has to start before the next variant is tried; 30 s when not given. */
  readonly variantWindowMillis?: number
  /** Milliseconds that a gateway keeps running without a runner that renews its lease; 12 s when not given. */
  readonly orphanAfterMillis?: number
  /**
   * What happens to the gateways on a graceful shutdown of the runner: they are left for the next runner (when not
   * given), or stopped.
   */
  readonly onShutdown?: "leave" | "stop"
  readonly shutdownGraceMillis?: number
  /** The model of gateways whose configuration names none. */
  readonly model?: ModelProvider
  /** The configuration over which an instance's own `gatewayConfig` is merged. */
  readonly config?: ConfigObject
  /**
   * Added to the gateways' environment. Only a few harmless variables of the runner's own environment are passed on.
   */
  readonly environment?: Readonly<Record<string, string>>
}

export const defaultProcessOptions = {
  startConcurrency: 2,
  startupTimeoutMillis: 120_000,
  variantWindowMillis: 30_000,
  orphanAfterMillis: 12_000,
  onShutdown: "leave" as const,
  shutdownGraceMillis: 10_000,
  environment: {}
}
