/** The activities of an actor that has several kinds of them, by tag. */
import type { Effect } from "effect"
import type { ActorDefinition } from "./Actor.ts"
import type { Self } from "./ActorLayer.ts"

type Perform<State, Signal, Activity, R> = (
  activity: Activity,
  self: Self<State, Signal>
) => Effect.Effect<void, never, R>

interface Tagged {
  readonly _tag: string
  readonly key: string
}

/** One function for each kind of activity. */
export type Performers<State, Signal, Activity extends Tagged> = {
  readonly [Tag in Activity["_tag"]]: Perform<State, Signal, Activity & { readonly _tag: Tag }, any>
}

type RequiredBy<Table> = {
  [Tag in keyof Table]: Table[Tag] extends (...args: never) => Effect.Effect<any, any, infer R> ? R : never
}[keyof Table]

/**
 * The `perform` of an actor's layer, made of a table by tag: `performers(definition)({ Tag: (activity, self) => … })`.
 * A kind of activity that the table lacks, and a signal that the actor does not know, are type errors.
 */
export const performers =
  <State, Signal extends { readonly _tag: string }, Activity extends Tagged>(
    _definition: ActorDefinition<any, any, State, any, Signal, Activity>
  ) =>
  <Table extends Performers<State, Signal, Activity>>(
    table: Table
  ): Perform<State, Signal, Activity, RequiredBy<Table>> =>
  (activity, self) =>
    table[activity._tag as Activity["_tag"]](activity, self)
