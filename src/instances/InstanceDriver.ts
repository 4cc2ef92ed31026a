/**
 * The port to the systems that run gateways. There is one driver per kind, and the same conformance suite tests all of
 * them.
 *
 * `epoch` is the shard epoch of the calling Instance actor. A driver remembers the highest epoch that it has seen for
 * an instance and refuses a lower one with `StaleOwner`, so that an owner that lost the instance can neither start nor
 * stop it.
 */
import { Context, type Effect, Schema, type Scope } from "effect"
import type { GatewayLink } from "../openclaw/GatewayLink.ts"
import { InstanceId } from "../schema/Ids.ts"
import type { DriverKind, InstanceSpec, RegisteredSpec } from "../schema/Instance.ts"

/** A call to a driver failed. `retryable` says whether the same call may succeed later. */
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

/** A running gateway. `incarnation` changes with the process; an adopted gateway keeps its incarnation. */
export const InstanceRef = Schema.Struct({
  instanceId: InstanceId,
  url: Schema.String,
  incarnation: Schema.String,
  adopted: Schema.Boolean,
  registration: Schema.optionalKey(Schema.String),
  pid: Schema.optionalKey(Schema.Int),
  /**
   * Milliseconds after the last `renew` by which the gateway has certainly ended by itself. Absent when nothing ends a
   * gateway that nobody keeps.
   */
  lifelineMillis: Schema.optionalKey(Schema.Int)
})
export type InstanceRef = typeof InstanceRef.Type

/** `live`: the process answers; `started`: it accepts work (the gateway's `/healthz` and `/startupz`). */
export interface Probe {
  readonly live: boolean
  readonly started: boolean
  readonly detail?: string
}

export interface DriverMetrics {
  readonly rssBytes?: number
  /** Share of one core, 0 to 1. */
  readonly cpu?: number
  readonly uptimeMillis?: number
}

/** A registration for which a host keeps files. */
export type Kept = Pick<RegisteredSpec, "instanceId" | "registration">

export interface ExecResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface InstanceDriver {
  readonly kind: DriverKind
  /**
   * Starts the gateway, or adopts the one that is already running for this instance. On success the gateway has
   * answered its startup probe. On failure nothing that this call started is still running, unless a later owner has
   * taken it over (`StaleOwner`).
   */
  readonly start: (spec: RegisteredSpec, epoch: number) => Effect.Effect<InstanceRef, DriverError>
  /**
   * Stops the gateway gracefully within `graceMillis`, and by force after that. On success no process is left; it also
   * succeeds when the gateway was not running.
   */
  readonly stop: (
    spec: RegisteredSpec,
    epoch: number,
    options: { readonly graceMillis: number }
  ) => Effect.Effect<void, DriverError>
  /**
   * Completes when this incarnation has ended, with the reason (an interpreted exit code, a lost address). The caller
   * bounds the wait by interrupting it.
   */
  readonly awaitExit: (ref: InstanceRef) => Effect.Effect<DriverError>
  readonly probe: (ref: InstanceRef) => Effect.Effect<Probe>
  /**
   * Keeps the gateway alive for another lifeline. A gateway that has one ends itself when it is not renewed, so that
   * its work may be done elsewhere. Does nothing once a later epoch was seen.
   */
  readonly renew: (kept: Kept, epoch: number) => Effect.Effect<void>
  /**
   * The owner stops renewing a gateway at which nothing runs. It is kept for as long as this process lives, or until
   * another owner takes it.
   */
  readonly leave: (kept: Kept, epoch: number) => Effect.Effect<void>
  /** Opens a link to the gateway; it reconnects by itself until the scope closes. */
  readonly connect: (spec: RegisteredSpec, ref: InstanceRef) => Effect.Effect<GatewayLink, DriverError, Scope.Scope>
  /**
   * Removes what this driver keeps for the registration: state, workspace, logs, token. On success, also when there was
   * nothing, another registration of the same id finds none of it. Fails while one of its processes is running.
   */
  readonly remove: (kept: Kept) => Effect.Effect<void, DriverError>
  /**
   * The registrations for which this host keeps files in that cluster. Empty when another cluster used the host's
   * directory first.
   */
  readonly kept: (cluster: string) => Effect.Effect<ReadonlyArray<Kept>>
  /**
   * Removes what the gateway keeps of deleted sessions and does not remove itself. It is called now and then; what
   * cannot be removed waits for the next call.
   */
  readonly tidy: (kept: Kept) => Effect.Effect<void>
  /** The last `limit` lines, at most 10,000. */
  readonly logs: (spec: RegisteredSpec, limit: number) => Effect.Effect<ReadonlyArray<string>, DriverError>
  readonly metrics: (ref: InstanceRef) => Effect.Effect<DriverMetrics, DriverError>
  /**
   * Runs a command beside the gateway, in its workspace. Standard output and standard error are cut at 1 MiB each; the
   * command is killed after `timeoutMillis`.
   */
  readonly exec: (
    spec: RegisteredSpec,
    command: ReadonlyArray<string>,
    options: { readonly timeoutMillis: number }
  ) => Effect.Effect<ExecResult, DriverError>
}

/** The drivers of this runner. */
export class InstanceDrivers extends Context.Service<
  InstanceDrivers,
  {
    /** Fails with `Unsupported` when this runner has no driver of that kind. */
    readonly get: (spec: Pick<InstanceSpec, "driver" | "instanceId">) => Effect.Effect<InstanceDriver, DriverError>
    readonly all: ReadonlyArray<InstanceDriver>
  }
>()("clawster/instances/InstanceDrivers") {}
