/**
 * The gateways of the simulated driver, and the test's controls over them. One fleet serves all drivers and runners of
 * a process: build it once and give every runner the same value, so that a gateway outlives its runner.
 */
import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import type { TurnEnd } from "../../openclaw/GatewayLink.ts"
import { GatewayConnector, GatewayError, type GatewayLink } from "../../openclaw/GatewayLink.ts"
import { InstanceId } from "../../schema/Ids.ts"
import { Executions } from "./Executions.ts"
import type { Fault } from "./SimulatedFaults.ts"
import { defaultOptions, type GatewayOptions } from "./GatewayOptions.ts"
import { Gateway } from "./SimulatedGateway.ts"
import * as SimulatedLink from "./SimulatedLink.ts"
import * as FleetTimers from "./FleetTimers.ts"

export interface FleetOptions extends Partial<GatewayOptions> {
  /**
   * Keep counts by run key and message (about 200 bytes per turn). On when not given; turn it off for long benchmarks.
   */
  readonly countExecutions?: boolean
}

export interface GatewaySnapshot {
  readonly instanceId: string
  readonly running: boolean
  readonly bootId: string | undefined
  readonly incarnation: string | undefined
  readonly boots: number
  readonly epoch: number
  readonly active: number
  /** The most runs that it ever had at once. */
  readonly mostActive: number
  readonly queued: number
  readonly links: number
  /**
   * How often each kind of fault took effect; for faults that last until `heal`, how often an active one was checked.
   */
  readonly faultsSeen: ReadonlyMap<Fault["_tag"], number>
}

export class SimulatedFleet extends Context.Service<
  SimulatedFleet,
  {
    /** How often each turn reached the model, over the whole fleet. */
    readonly executions: Executions
    readonly order: (instanceId: string, fault: Fault) => Effect.Effect<void>
    /** Removes an ordered fault; without one, removes all ordered faults. */
    readonly heal: (instanceId: string, fault?: Fault) => Effect.Effect<void>
    /** Ends the gateway's process like SIGKILL. */
    readonly crash: (instanceId: string) => Effect.Effect<void>
    readonly dropSockets: (instanceId: string) => Effect.Effect<void>
    /** Ends a running turn, for example a hanging one. Returns `false` when no gateway is running it. */
    readonly finish: (runKey: string, end?: TurnEnd) => Effect.Effect<boolean>
    readonly snapshot: (instanceId: string) => Effect.Effect<GatewaySnapshot>
    readonly instanceIds: Effect.Effect<ReadonlyArray<string>>
    /** For the driver. The gateway is created on first use and has no process until it is started. */
    readonly gateway: (instanceId: string) => Gateway
  }
>()("clawster/instances/simulated/SimulatedFleet") {
  static readonly make = (options: FleetOptions = {}): Effect.Effect<SimulatedFleet["Service"], never, Scope.Scope> =>
    Effect.map(FleetTimers.make, (timers) => make(options, timers))

  static readonly layer = (options: FleetOptions = {}): Layer.Layer<SimulatedFleet> =>
    Layer.effect(SimulatedFleet, SimulatedFleet.make(options))

  /**
   * Connects `ws://simulated/<instanceId>` to the fleet's gateways, so that the remote driver can be tested without a
   * socket.
   */
  static readonly connector: Layer.Layer<GatewayConnector, never, SimulatedFleet> = Layer.effect(
    GatewayConnector,
    Effect.map(SimulatedFleet, (fleet) => ({
      connect: (endpoint) => connect(fleet, endpoint.url, Redacted.value(endpoint.token))
    }))
  )
}

const make = (options: FleetOptions, timers: FleetTimers.Timers): SimulatedFleet["Service"] => {
  const executions = new Executions(options.countExecutions ?? true)
  const gateways = new Map<string, Gateway>()
  const gateway = (instanceId: string): Gateway => {
    const found = gateways.get(instanceId)
    if (found !== undefined) return found
    const made = new Gateway(InstanceId.make(instanceId), { ...defaultOptions, ...options }, executions, timers)
    gateways.set(instanceId, made)
    return made
  }
  return {
    executions,
    gateway,
    instanceIds: Effect.sync(() => Array.from(gateways.keys())),
    order: (instanceId, fault) => Effect.sync(() => gateway(instanceId).order(fault)),
    heal: (instanceId, fault) => Effect.sync(() => gateway(instanceId).heal(fault)),
    crash: (instanceId) => Effect.sync(() => gateway(instanceId).kill()),
    dropSockets: (instanceId) => Effect.sync(() => gateway(instanceId).dropSockets("the socket was lost (1006)")),
    finish: (runKey, end) =>
      Effect.sync(() => Array.from(gateways.values()).some((candidate) => candidate.finish(runKey, end))),
    snapshot: (instanceId) => Effect.sync(() => snapshot(gateway(instanceId)))
  }
}

const snapshot = (gateway: Gateway): GatewaySnapshot => ({
  instanceId: gateway.instanceId,
  running: gateway.process !== undefined,
  bootId: gateway.process?.bootId,
  incarnation: gateway.process?.incarnation,
  boots: gateway.boots,
  epoch: gateway.epoch,
  active: gateway.process?.active ?? 0,
  mostActive: gateway.mostActive,
  queued: gateway.process?.queued ?? 0,
  links: gateway.sockets.size,
  faultsSeen: new Map(gateway.faults.seen)
})

const connect = (
  fleet: SimulatedFleet["Service"],
  url: string,
  token: string
): Effect.Effect<GatewayLink, never, Scope.Scope> =>
  Effect.suspend(() => {
    const gateway = fleet.gateway(new URL(url).pathname.slice(1))
    if (gateway.faults.standing("otherProtocol") !== undefined) {
      return SimulatedLink.open(
        gateway,
        new GatewayError({
          reason: "ProtocolMismatch",
          message: "the gateway speaks protocol 5, this client 4",
          retryable: false
        })
      )
    }
    return SimulatedLink.open(
      gateway,
      token === gateway.options.token
        ? undefined
        : new GatewayError({
            reason: "AuthenticationFailed",
            code: "INVALID_REQUEST",
            message: "the gateway refused the token",
            details: { code: "AUTH_TOKEN_MISMATCH" },
            retryable: false
          })
    )
  })
