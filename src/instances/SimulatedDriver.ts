/**
 * Runs gateways in memory, with the same rules as real ones and with injected faults. They belong to the
 * `SimulatedFleet`.
 */
import { Effect, type Scope } from "effect"
import type { GatewayLink } from "../openclaw/GatewayLink.ts"
import type { InstanceSpec } from "../schema/Instance.ts"
import { DriverError, type InstanceDriver, type InstanceRef } from "./InstanceDriver.ts"
import type { Gateway } from "./simulated/SimulatedGateway.ts"
import * as SimulatedLink from "./simulated/SimulatedLink.ts"
import { SimulatedFleet } from "./simulated/SimulatedFleet.ts"

const logLinesMax = 10_000

const fail = (
  gateway: Gateway,
  reason: DriverError["reason"],
  message: string,
  options: { readonly retryable: boolean; readonly exitCode?: number }
): DriverError => new DriverError({ instanceId: gateway.instanceId, reason, message, ...options })

const staleOwner = (gateway: Gateway, epoch: number): DriverError =>
  fail(gateway, "StaleOwner", `epoch ${epoch} is older than ${gateway.epoch}, which owns this instance`, {
    retryable: false
  })

const refOf = (gateway: Gateway, adopted: boolean): InstanceRef => ({
  instanceId: gateway.instanceId,
  url: gateway.url,
  incarnation: gateway.process!.incarnation,
  adopted,
  ...(gateway.options.orphanAfterMillis === undefined ? {} : { lifelineMillis: gateway.options.orphanAfterMillis })
})

/** The driver of one runner. All drivers of a fleet share the same gateways. */
export const make: Effect.Effect<InstanceDriver, never, SimulatedFleet> = Effect.map(
  SimulatedFleet,
  (fleet): InstanceDriver => {
    const fence = (gateway: Gateway, epoch: number) =>
      Effect.suspend(() => (gateway.fence(epoch) ? Effect.void : Effect.fail(staleOwner(gateway, epoch))))

    const boot = Effect.fnUntraced(function* (gateway: Gateway, epoch: number) {
      yield* fence(gateway, epoch)
      if (gateway.process !== undefined) {
        gateway.renew()
        return refOf(gateway, true)
      }
      if (gateway.options.startMillis > 0) yield* Effect.sleep(gateway.options.startMillis)
      yield* fence(gateway, epoch)
      const failure = gateway.faults.take("startFailure")
      if (failure !== undefined) {
        return yield* fail(gateway, failure.reason, `start failed as ordered: ${failure.reason}`, {
          retryable: failure.reason !== "ConfigurationRefused"
        })
      }
      gateway.boot()
      return refOf(gateway, false)
    })

    const end = Effect.fnUntraced(function* (gateway: Gateway, epoch: number, graceMillis: number) {
      yield* fence(gateway, epoch)
      const { process } = gateway
      if (process === undefined) return
      process.draining = true
      const idle = Effect.callback<void>((resume) => {
        const cancel = process.whenIdle(() => resume(Effect.void))
        return Effect.sync(cancel)
      })
      const drained = yield* Effect.timeoutOption(idle, graceMillis)
      if (gateway.process !== process) return
      if (drained._tag === "Some") gateway.terminate()
      else gateway.kill()
    })

    const owned = (instanceId: string, epoch: number): Gateway | undefined => {
      const gateway = fleet.gateway(instanceId)
      return gateway.epoch > epoch ? undefined : gateway
    }

    const erase = (gateway: Gateway) =>
      Effect.suspend(() =>
        gateway.process === undefined
          ? Effect.sync(() => gateway.erase())
          : Effect.fail(fail(gateway, "StateInUse", "a process of the gateway still runs", { retryable: true }))
      )

    return {
      kind: "simulated",
      start: (spec, epoch) => {
        const gateway = fleet.gateway(spec.instanceId)
        return Effect.andThen(fence(gateway, epoch), gateway.lifecycle.withPermit(boot(gateway, epoch)))
      },
      stop: (spec, epoch, { graceMillis }) => {
        const gateway = fleet.gateway(spec.instanceId)
        return Effect.andThen(fence(gateway, epoch), gateway.lifecycle.withPermit(end(gateway, epoch, graceMillis)))
      },
      renew: ({ instanceId }, epoch) => Effect.sync(() => owned(instanceId, epoch)?.renew()),
      leave: ({ instanceId }, epoch) => Effect.sync(() => owned(instanceId, epoch)?.leave()),
      remove: ({ instanceId }) => {
        const gateway = fleet.gateway(instanceId)
        return gateway.lifecycle.withPermit(erase(gateway))
      },
      kept: () => Effect.succeed([]),
      tidy: () => Effect.void,
      awaitExit: (ref) =>
        Effect.callback((resume) => {
          const gateway = fleet.gateway(ref.instanceId)
          const cancel = gateway.onExit(ref.incarnation, ({ exitCode, message }) =>
            resume(Effect.succeed(fail(gateway, "NotRunning", message, { retryable: true, exitCode })))
          )
          return Effect.sync(cancel)
        }),
      probe: (ref) =>
        Effect.sync(() => {
          const gateway = fleet.gateway(ref.instanceId)
          const { process } = gateway
          if (process?.incarnation !== ref.incarnation || !gateway.answers)
            return { live: false, started: false, detail: "no answer" }
          const busy = process.draining || process.suspended
          return { live: true, started: !busy, ...(busy ? { detail: "draining" } : {}) }
        }),
      connect: (spec): Effect.Effect<GatewayLink, DriverError, Scope.Scope> =>
        SimulatedLink.open(fleet.gateway(spec.instanceId)),
      logs: (spec, limit) => Effect.sync(() => fleet.gateway(spec.instanceId).logs(Math.min(limit, logLinesMax))),
      metrics: (ref) =>
        Effect.suspend(() => {
          const gateway = fleet.gateway(ref.instanceId)
          const { process } = gateway
          return process === undefined
            ? Effect.fail(fail(gateway, "NotRunning", "the gateway does not run", { retryable: true }))
            : Effect.succeed({
                rssBytes: SimulatedLink.memory(process),
                cpu: SimulatedLink.load(gateway, process),
                uptimeMillis: gateway.now() - process.startedAt
              })
        }),
      exec: (spec: InstanceSpec) =>
        Effect.fail(
          fail(fleet.gateway(spec.instanceId), "Unsupported", "a simulated gateway has no machine to run commands on", {
            retryable: false
          })
        )
    }
  }
)
