/**
 * Instances declared by a deployment: an absent instance is registered, a differing one is changed in place, and a
 * matching one is left unchanged. An instance that is registered but not declared is reported. It is removed only when
 * the declaration sets `prune`, and only while no work runs on it. An instance whose placement has no runner is brought
 * about when one joins.
 */
import { type Duration, Effect, Schema } from "effect"
import { InstanceReads } from "../../../ports/InstanceReads.ts"
import { InstanceRegistration, type UpdateInstance } from "../../../rpc/Requests.ts"
import { list } from "../../../schema/text/Bounds.ts"
import type {
  ActorUnavailable,
  Conflict,
  IdempotencyConflict,
  InvalidInput,
  NotFound,
  Overloaded
} from "../../../schema/Errors.ts"
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
  /** `waiting`: its placement has never had a runner, so far. */
  readonly outcome: "registered" | "changed" | "unchanged" | "refused" | "waiting" | "removed" | "undeclared"
  /** The changed fields, or why the instance was refused or waits. */
  readonly detail?: string
}

type Refusal = InvalidInput | NotFound | Conflict | IdempotencyConflict | Overloaded | ActorUnavailable

interface Patience {
  readonly rounds: number
  readonly pause: Duration.Input
  readonly mayPass: (error: Refusal) => boolean
}

const isUnavailable = ({ _tag }: Refusal): boolean => _tag === "ActorUnavailable"
const isUnplaced = (error: Refusal): boolean =>
  error._tag === "InvalidInput" && error.faults.length > 0 && error.faults.every(({ path }) => path === "placement")
const mayPass = (error: Refusal): boolean => isUnavailable(error) || isUnplaced(error)

/** Runners that are still starting may not own the shard yet, so retry for five minutes. */
const soon: Patience = { rounds: 150, pause: "2 seconds", mayPass: isUnavailable }
/** A host may join at any time, so retry for as long as the process runs. */
const whenItJoins: Patience = { rounds: Number.POSITIVE_INFINITY, pause: "10 seconds", mayPass }

const told = (error: Refusal): string =>
  error._tag === "InvalidInput"
    ? `${error.message}: ${error.faults.map(({ expected, path }) => `${path}: expected ${expected}`).join("; ")}`
    : error.message

/** Brings one declared instance about. */
const settle = Effect.fnUntraced(function* (one: DeclaredInstance) {
  const instances = yield* Instances
  const { instanceId } = one
  return yield* instances.update(call, { instanceId, update: updateOf(one) }).pipe(
    Effect.map(({ changed }): Outcome => {
      const detail = changed.map(({ field, takesEffect }) => `${field} (${takesEffect})`).join(", ")
      return { instanceId, ...(detail === "" ? { outcome: "unchanged" } : { outcome: "changed", detail }) }
    }),
    Effect.catchTag("NotFound", () =>
      Effect.as(instances.register(call, one), { instanceId, outcome: "registered" } as Outcome)
    )
  )
})

interface Settled {
  readonly outcomes: ReadonlyArray<Outcome>
  /** Those that were refused for a reason that may pass. */
  readonly waiting: ReadonlyArray<DeclaredInstance>
}

/** In rounds over all that is left, so that an instance whose host is not there holds up no other. */
const settleAll = Effect.fnUntraced(function* (declared: ReadonlyArray<DeclaredInstance>, patience: Patience) {
  const outcomes = new Map<InstanceId, Outcome>()
  const refusals = new Map<InstanceId, Refusal>()
  const attempt = (one: DeclaredInstance) =>
    Effect.match(settle(one), {
      onSuccess: (outcome) => {
        refusals.delete(one.instanceId)
        outcomes.set(one.instanceId, outcome)
      },
      onFailure: (error) => {
        refusals.set(one.instanceId, error)
        const outcome = isUnplaced(error) ? "waiting" : "refused"
        outcomes.set(one.instanceId, { instanceId: one.instanceId, outcome, detail: told(error) })
      }
    })
  const refusedFor = (isSo: (error: Refusal) => boolean) =>
    declared.filter(({ instanceId }) => {
      const refusal = refusals.get(instanceId)
      return refusal !== undefined && isSo(refusal)
    })
  let left = declared
  for (let round = 1; left.length > 0; round++) {
    yield* Effect.forEach(left, attempt, { concurrency: 4, discard: true })
    left = refusedFor(patience.mayPass)
    if (left.length === 0 || round >= patience.rounds) break
    yield* Effect.sleep(patience.pause)
  }
  return {
    outcomes: declared.map(({ instanceId }) => outcomes.get(instanceId)!),
    waiting: refusedFor(mayPass)
  } satisfies Settled as Settled
})

const settleDeclaration = Effect.fnUntraced(function* ({ instances: declared, prune }: Declaration) {
  const instances = yield* Instances
  const remove = ({ instanceId }: InstanceStatus) =>
    instances.deregister(call, { instanceId }).pipe(
      Effect.as<Outcome>({ instanceId, outcome: "removed" }),
      Effect.catch((error) => Effect.succeed<Outcome>({ instanceId, outcome: "undeclared", detail: error.message }))
    )

  const settled = yield* settleAll(declared, soon)
  const names = new Set<string>(declared.map(({ instanceId }) => instanceId))
  const others = (yield* everyInstance(yield* InstanceReads)).filter(({ instanceId }) => !names.has(instanceId))
  const rest = yield* Effect.forEach(others, (status) =>
    prune === true ? remove(status) : Effect.succeed<Outcome>({ instanceId: status.instanceId, outcome: "undeclared" })
  )
  const outcomes = [...settled.outcomes, ...rest]
  yield* Effect.forEach(outcomes, tell, { discard: true })
  return { outcomes, waiting: settled.waiting } satisfies Settled as Settled
})

/** Success: every declared instance is as declared, or its outcome says why not. */
export const apply = Effect.fn("DeclaredInstances.apply")((declaration: Declaration) =>
  Effect.map(settleDeclaration(declaration), ({ outcomes }) => outcomes)
)

/** As `apply`, and then brings about what waits for its host when that joins; ends when nothing waits any more. */
export const keep = Effect.fn("DeclaredInstances.keep")(function* (declaration: Declaration) {
  const { waiting } = yield* settleDeclaration(declaration)
  const late = yield* settleAll(waiting, whenItJoins)
  yield* Effect.forEach(late.outcomes, tell, { discard: true })
})

const tell = ({ detail, instanceId, outcome }: Outcome) => {
  const line = `Declared instances: ${instanceId} ${outcome}${detail === undefined ? "" : `: ${detail}`}`
  const log =
    outcome === "refused"
      ? Effect.logError(line)
      : outcome === "waiting"
        ? Effect.logWarning(line)
        : outcome === "unchanged"
          ? Effect.logDebug(line)
          : Effect.logInfo(line)
  return Effect.annotateLogs(log, { event: `instances.${outcome}`, instance_id: instanceId })
}

/** A summary such as `2 registered, 1 unchanged`, followed by those that were refused or wait, with their reasons. */
export const summary = (outcomes: ReadonlyArray<Outcome>): string => {
  const counts = new Map<string, number>()
  for (const { outcome } of outcomes) if (outcome !== "undeclared") counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  const refused = outcomes.flatMap(({ detail, instanceId, outcome }) =>
    outcome === "refused" || outcome === "waiting" ? [`; ${instanceId}: ${detail ?? outcome}`] : []
  )
  return [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(", ") + refused.join("")
}
