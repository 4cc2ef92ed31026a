/**
 * The port to whatever runs a gateway. One driver a kind; the same conformance suite runs over all of them.
 *
 * `epoch` is the shard epoch of the Instance actor that asks. A driver remembers the highest it has seen for an
 * instance and refuses a lower one with `StaleOwner`, so that an owner that lost the instance can neither start nor
 * stop it.
 */
import { Context, type Effect, Schema, type Scope } from "effect"
import type { GatewayLink } from "../openclaw/GatewayLink.ts"
import { InstanceId } from "../schema/Ids.ts"
import type { DriverKind, InstanceSpec, RegisteredSpec } from "../schema/Instance.ts"

/** Why a driver could not do what was asked. `retryable` says whether the same call may succeed later. */
export class DriverError extends Schema.TaggedError<DriverError>()("DriverError", {
  instanceId: InstanceId,
  reason: Schema.Literals([
    "LaunchFailed",
    "ConfigurationRefused",
    "PortInUse",
    "StateInUse",
    "StartupTimeout",
    "Unreachable",
    "StaleOwner",
    "NotRunning",
    "Unsupported"
  ]),
  message: Schema.String,
  retryable: Schema.Boolean,
  exitCode: Schema.optionalKey(Schema.Int)
}) {}

/** A gateway that runs. `incarnation` changes when the process does; an adopted gateway keeps its own. */
export const InstanceRef = Schema.Struct({
  instanceId: InstanceId,
  url: Schema.String,
  incarnation: Schema.String,
  adopted: Schema.Boolean,
  registration: Schema.optionalKey(Schema.String),
  pid: Schema.optionalKey(Schema.Int)
})
export type InstanceRef = typeof InstanceRef.Type

/** `live`: the process answers; `started`: it takes work (the gateway's `/healthz` and `/startupz`). */
export interface Probe {
  readonly live: boolean
  readonly started: boolean
  readonly detail?: string
}

export interface DriverMetrics {
  readonly rssBytes?: number
  /** 0 to 1 of one core. */
  readonly cpu?: number
  readonly uptimeMillis?: number
}

/** A registration of an id, of which a host keeps something. */
export type Kept = Pick<RegisteredSpec, "instanceId" | "registration">

export interface ExecResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface InstanceDriver {
  readonly kind: DriverKind
  /**
   * Starts the gateway, or adopts the one that is already running for this instance. Success: the gateway has answered
   * its startup probe. Failure: nothing of it runs any more.
   */
  readonly start: (spec: RegisteredSpec, epoch: number) => Effect.Effect<InstanceRef, DriverError>
  /** Graceful within `graceMillis`, forced after it. Success, also when it was not running: no process is left. */
  readonly stop: (
    spec: RegisteredSpec,
    epoch: number,
    options: { readonly graceMillis: number }
  ) => Effect.Effect<void, DriverError>
  /**
   * Ends when this incarnation is gone, with why (an exit code understood, a lost address). Bounded by its caller's
   * interruption.
   */
  readonly awaitExit: (ref: InstanceRef) => Effect.Effect<DriverError>
  readonly probe: (ref: InstanceRef) => Effect.Effect<Probe>
  /** Opens a link to the gateway; it reconnects by itself until the scope closes. */
  readonly connect: (spec: RegisteredSpec, ref: InstanceRef) => Effect.Effect<GatewayLink, DriverError, Scope.Scope>
  /**
   * Removes what this driver keeps of the registration: state, workspace, logs, token. Success, also when there was
   * nothing: another registration of the same id finds nothing of it. Fails while a process of it runs.
   */
  readonly remove: (kept: Kept) => Effect.Effect<void, DriverError>
  /**
   * The registrations of which this host keeps something for that cluster. None, when it was first used for another
   * one.
   */
  readonly kept: (cluster: string) => Effect.Effect<ReadonlyArray<Kept>>
  /**
   * Removes what the gateway keeps of sessions that it was asked to delete, and does not remove itself. Now and then;
   * what cannot be removed waits.
   */
  readonly tidy: (kept: Kept) => Effect.Effect<void>
  /** The last `limit` lines, at most 10,000. */
  readonly logs: (spec: RegisteredSpec, limit: number) => Effect.Effect<ReadonlyArray<string>, DriverError>
  readonly metrics: (ref: InstanceRef) => Effect.Effect<DriverMetrics, DriverError>
  /** Runs a command beside the gateway, in its workspace. Output is cut at 1 MiB, time at `timeoutMillis`. */
  readonly exec: (
    spec: RegisteredSpec,
    command: ReadonlyArray<string>,
    options: { readonly timeoutMillis: number }
  ) => Effect.Effect<ExecResult, DriverError>
}

/** The drivers this runner has. */
export class InstanceDrivers extends Context.Service<
  InstanceDrivers,
  {
    /** `Unsupported` when this runner was not given that driver. */
    readonly get: (spec: Pick<InstanceSpec, "driver" | "instanceId">) => Effect.Effect<InstanceDriver, DriverError>
    readonly all: ReadonlyArray<InstanceDriver>
  }
>()("clawster/instances/InstanceDrivers") {}
