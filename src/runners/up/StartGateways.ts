/**
 * The gateways of `up`: registered and started through the instances' actors, as an operator would, and stopped before
 * the runners.
 */
import { Effect, Schedule, Schema } from "effect"
import * as ActorClient from "../../actor/ActorClient.ts"
import { Instance } from "../../entities/Instance.ts"
import { everyInstance } from "../../gateway/service/instances/EveryInstance.ts"
import { InstanceReads } from "../../ports/InstanceReads.ts"
import { InstanceId, instanceEntityId, type Placement } from "../../schema/Ids.ts"
import type { InstanceSpec, InstanceStatus } from "../../schema/Instance.ts"

export class GatewayFailed extends Schema.TaggedError<GatewayFailed>()("GatewayFailed", { message: Schema.String }) {}

const elsewhere = (name: string, placement: Placement) =>
  new GatewayFailed({
    message: `${name} is registered on ${placement}, which is not this home; deregister it there: clawster instance deregister ${name} --force`
  })

const startPatience = "5 minutes"
const stopGraceMillis = 3_000
const stopPatience = "20 seconds"

const specOf = (name: string, placement: Placement): InstanceSpec => ({
  instanceId: InstanceId.make(name),
  driver: "process",
  placement,
  tenancy: { _tag: "shared" },
  capabilities: ["coding", "analysis", "writing"],
  allowedModels: [],
  enabledChannels: [],
  maxConcurrentTasks: 8,
  maxConcurrentSessions: 50,
  maxAgents: 50,
  resourceLimits: {}
})

export const names = (count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `openclaw-${index + 1}`)

/** Starts all gateways and waits until each accepts work. They are stopped when the scope closes. */
export const start = Effect.fnUntraced(function* (
  count: number,
  placement: Placement,
  tell: (line: string) => Effect.Effect<void>
) {
  const client = yield* ActorClient.make(Instance)
  const reads = yield* InstanceReads
  const actorOf = (name: string) => client(instanceEntityId(placement, InstanceId.make(name)))

  const stop = (name: string) =>
    Effect.gen(function* () {
      const instance = actorOf(name)
      yield* instance.Stop({ graceMillis: stopGraceMillis })
      yield* instance.InstanceGet().pipe(
        Effect.repeat({
          until: ({ phase }) => phase === "stopped" || phase === "failed" || phase === "destroyed",
          schedule: Schedule.spaced("200 millis")
        })
      )
    }).pipe(Effect.timeoutOption(stopPatience), Effect.ignoreCause)

  const ready = (name: string) =>
    actorOf(name)
      .InstanceGet()
      .pipe(
        Effect.repeat({ until: settled, schedule: Schedule.spaced("250 millis") }),
        Effect.timeoutOrElse({
          duration: startPatience,
          orElse: () =>
            Effect.fail(
              new GatewayFailed({ message: `${name} did not become ready; see \`clawster instance get ${name}\`` })
            )
        }),
        Effect.flatMap((status) =>
          status.phase === "warm"
            ? Effect.as(tell(`${name} is ready on ${status.url ?? "its address"}`), status)
            : Effect.fail(new GatewayFailed({ message: `${name} cannot start: ${status.reason ?? status.phase}` }))
        )
      )

  const begin = Effect.fnUntraced(function* (name: string) {
    const known = yield* reads.get(InstanceId.make(name))
    if (known !== undefined && known.placement !== placement) return yield* elsewhere(name, known.placement)
    const instance = actorOf(name)
    const status = yield* instance.Register({ spec: specOf(name, placement) })
    if (status.phase === "stopped" || status.phase === "failed") yield* instance.Start()
  })

  const all = names(count)
  /** Includes gateways that an earlier invocation started, or that were registered since. */
  const everyOne = Effect.map(
    Effect.orElseSucceed(everyInstance(reads), () => []),
    (known) => [
      ...new Set([
        ...all,
        ...known
          .filter((instance) => instance.placement === placement && instance.driver === "process")
          .map(({ instanceId }) => instanceId)
      ])
    ]
  )
  yield* Effect.acquireRelease(Effect.forEach(all, begin, { concurrency: "unbounded", discard: true }), () =>
    Effect.flatMap(everyOne, Effect.forEach(stop, { concurrency: "unbounded", discard: true }))
  )
  return yield* Effect.forEach(all, ready, { concurrency: "unbounded" })
})

const settled = ({ phase }: InstanceStatus) => phase === "warm" || phase === "failed"
