/**
 * The service for the workload of a simulated run. The workload runs in its own client process, on virtual time and
 * seeded randomness.
 */
import { Cause, Context, type Duration, Effect, Exit } from "effect"
import type { Call } from "./checks/Observation.ts"
import type { World } from "./world/World.ts"

export interface CallDetails {
  /** `<type>/<id>`, as `Counter/a`. */
  readonly actor: string
  readonly command: string
  readonly requestId?: string
  /** Whether a success must be in the journal under the request id. */
  readonly changes?: boolean
  /**
   * Computes the correct answer from the state that was read. The scenario's `reads` must name the actor's entity type.
   */
  readonly reads?: (state: never) => unknown
}

export class Workload extends Context.Service<
  Workload,
  {
    /** Runs a call and records what the client saw of it, for I13. */
    readonly call: <A, E, R>(details: CallDetails, call: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /** Virtual milliseconds until the workload should come to its end. */
    readonly remainingMillis: Effect.Effect<number>
    /**
     * Repeats the effect until the run's time is over, with `pause` in between. Failures are ignored here and left to
     * the checks.
     */
    readonly repeat: <A, E, R>(effect: Effect.Effect<A, E, R>, pause: Duration.Input) => Effect.Effect<void, never, R>
  }
>()("clawster/testing/Workload") {
  static readonly over = (world: World, durationMillis: number, calls: Array<Call>): Workload["Service"] => {
    const remaining = () => durationMillis - world.now
    const repeat = <A, E, R>(effect: Effect.Effect<A, E, R>, pause: Duration.Input): Effect.Effect<void, never, R> =>
      Effect.suspend(() =>
        remaining() <= 0
          ? Effect.void
          : Effect.ignoreCause(effect).pipe(Effect.andThen(Effect.sleep(pause)), Effect.andThen(repeat(effect, pause)))
      )
    return {
      remainingMillis: Effect.sync(remaining),
      repeat,
      call: (details, effect) =>
        Effect.suspend(() => {
          const call: Call = {
            actor: details.actor,
            command: details.command,
            requestId: details.requestId,
            changes: details.changes === true,
            reads: details.reads as Call["reads"],
            begunAt: world.now,
            endedAt: undefined,
            outcome: undefined
          }
          calls.push(call)
          return Effect.onExit(effect, (exit) =>
            Effect.sync(() => {
              call.endedAt = world.now
              call.outcome = outcomeOf(exit)
              world.log("client", `${call.command} to ${call.actor}: ${call.outcome!._tag}`)
            })
          )
        })
    }
  }
}

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): NonNullable<Call["outcome"]> => {
  if (Exit.isSuccess(exit)) return { _tag: "Success", value: exit.value }
  const error = Cause.findErrorOption(exit.cause)
  if (error._tag === "None") return { _tag: "Unknown" }
  const { value } = error
  const unavailable =
    typeof value === "object" && value !== null && "_tag" in value && value._tag === "ActorUnavailable"
  return unavailable ? { _tag: "Unknown" } : { _tag: "Failure", error: value }
}
