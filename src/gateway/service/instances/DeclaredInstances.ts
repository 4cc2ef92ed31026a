/**
 * Instances declared by a deployment: an absent instance is registered, a differing one is changed in place, and a
 * matching one is left unchanged. An instance that is registered but not declared is reported. It is removed only when
 * the declaration sets `prune`, and only while no work runs on it.
 */
import { Effect, Schedule, Schema } from "effect"
import { InstanceReads } from "../../../ports/InstanceReads.ts"
import { InstanceRegistration, type UpdateInstance } from "../../../rpc/Requests.ts"
import { list } from "../../../schema/text/Bounds.ts"
import type { Conflict, IdempotencyConflict, InvalidInput, NotFound, Overloaded } from "../../../schema/Errors.ts"
import { InstanceId } from "../../../schema/Ids.ts"
import type { InstanceStatus } from "../../../schema/Instance.ts"
import type { Call } from "../RequestContext.ts"
import { everyInstance } from "./EveryInstance.ts"
import { Instances } from "./Instances.ts"
import { defaults } from "./Registration.ts"

const declaredMost = 10_000

export const DeclaredInstance = Schema.Struct({ ...InstanceRegistration.fields, instanceId: InstanceId })
export type DeclaredInstance = typeof DeclaredInstance.Type

export const Declaration = Schema.Struct({
  instances: list(DeclaredInstance, declaredMost),
  /** Deregister instances that are registered and not declared, unless work runs on them. */
  prune: Schema.optionalKey(Schema.Boolean)
})
export type Declaration = typeof Declaration.Type

const call: Call = { principal: { keyId: "declaration", name: "declared instances", role: "operator" } }

/**
 * The complete spec: a field that is no longer declared returns to its default, except placement, endpoint and
 * `maxConcurrentSessions`, which keep their value.
 */
const updateOf = (declared: DeclaredInstance): UpdateInstance => ({
  driver: declared.driver,
  ...(declared.placement === undefined ? {} : { placement: declared.placement }),
  tenancy: declared.tenancy ?? { _tag: "shared" },
  region: declared.region ?? null,
  capabilities: declared.capabilities ?? [],
  allowedModels: declared.allowedModels ?? [],
  maxConcurrentTasks: declared.maxConcurrentTasks ?? defaults.maxConcurrentTasks,
  ...(declared.maxConcurrentSessions === undefined ? {} : { maxConcurrentSessions: declared.maxConcurrentSessions }),
  resourceLimits: declared.resourceLimits ?? {},
  supervision: declared.supervision ?? null,
  ...(declared.endpoint === undefined ? {} : { endpoint: declared.endpoint }),
  gatewayConfig: declared.gatewayConfig ?? null
})

export interface Outcome {
  readonly instanceId: InstanceId
  readonly outcome: "registered" | "changed" | "unchanged" | "refused" | "removed" | "undeclared"
  /** The changed fields, or why the instance was refused. */
  readonly detail?: string
}

/** Runners that are still starting may not own the shard yet, so retry for five minutes. */
const patience = { times: 150, schedule: Schedule.spaced("2 seconds") } as const

type Refusal = InvalidInput | NotFound | Conflict | IdempotencyConflict | Overloaded

const told = (error: Refusal): string =>
  error._tag === "InvalidInput"
    ? `${error.message}: ${error.faults.map(({ expected, path }) => `${path}: expected ${expected}`).join("; ")}`
    : error.message

/** Success: every declared instance is as declared, or its outcome says why not. */
export const apply = Effect.fn("DeclaredInstances.apply")(function* ({ instances: declared, prune }: Declaration) {
  const instances = yield* Instances

  const refused = (instanceId: InstanceId) => (error: Refusal) =>
    Effect.succeed<Outcome>({ instanceId, outcome: "refused", detail: told(error) })

  const change = (one: DeclaredInstance) =>
    Effect.map(
      instances.update(call, { instanceId: one.instanceId, update: updateOf(one) }),
      ({ changed }): Outcome => {
        const detail = changed.map(({ field, takesEffect }) => `${field} (${takesEffect})`).join(", ")
        return {
          instanceId: one.instanceId,
          ...(detail === "" ? { outcome: "unchanged" } : { outcome: "changed", detail })
        }
      }
    )

  const settle = (one: DeclaredInstance) =>
    change(one).pipe(
      Effect.catchTag("NotFound", () =>
        Effect.as(instances.register(call, one), { instanceId: one.instanceId, outcome: "registered" } as Outcome)
      ),
      Effect.retry({ ...patience, while: ({ _tag }) => _tag === "ActorUnavailable" }),
      Effect.catch((error) =>
        error._tag === "ActorUnavailable"
          ? Effect.succeed<Outcome>({ instanceId: one.instanceId, outcome: "refused", detail: error.message })
          : refused(one.instanceId)(error)
      )
    )

  const remove = ({ instanceId }: InstanceStatus) =>
    instances.deregister(call, { instanceId }).pipe(
      Effect.as<Outcome>({ instanceId, outcome: "removed" }),
      Effect.catch((error) => Effect.succeed<Outcome>({ instanceId, outcome: "undeclared", detail: error.message }))
    )

  const settled = yield* Effect.forEach(declared, settle, { concurrency: 4 })
  const names = new Set<string>(declared.map(({ instanceId }) => instanceId))
  const others = (yield* everyInstance(yield* InstanceReads)).filter(({ instanceId }) => !names.has(instanceId))
  const rest = yield* Effect.forEach(others, (status) =>
    prune === true ? remove(status) : Effect.succeed<Outcome>({ instanceId: status.instanceId, outcome: "undeclared" })
  )
  const outcomes = [...settled, ...rest]
  yield* Effect.forEach(outcomes, tell, { discard: true })
  return outcomes
})

const tell = ({ detail, instanceId, outcome }: Outcome) => {
  const line = `Declared instances: ${instanceId} ${outcome}${detail === undefined ? "" : `: ${detail}`}`
  const log =
    outcome === "refused"
      ? Effect.logError(line)
      : outcome === "unchanged"
        ? Effect.logDebug(line)
        : Effect.logInfo(line)
  return Effect.annotateLogs(log, { event: `instances.${outcome}`, instance_id: instanceId })
}

/** A summary such as `2 registered, 1 unchanged`, followed by the refused instances with their reasons. */
export const summary = (outcomes: ReadonlyArray<Outcome>): string => {
  const counts = new Map<string, number>()
  for (const { outcome } of outcomes) if (outcome !== "undeclared") counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  const refused = outcomes.flatMap(({ detail, instanceId, outcome }) =>
    outcome === "refused" ? [`; ${instanceId}: ${detail ?? "refused"}`] : []
  )
  return [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(", ") + refused.join("")
}
