/**
 * Reads the views that actors write with their commits, those of an embedder's own actors too. A list returns the feed
 * position at which it is true.
 */
import { Context, type Effect, type Schema } from "effect"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { Page } from "./Reads.ts"

/** The actor type whose views are read: its entity. */
export interface Viewed {
  readonly type: string
}

/** Names of the fields of a document that are numbers. */
export type NumberField<Doc> = {
  readonly [Field in keyof Doc & string]-?: Doc[Field] extends number ? Field : never
}[keyof Doc & string]

export interface ViewOptions<Doc> {
  /** Absent for all tenants, and for views without a tenant. */
  readonly tenantId?: string | undefined
  /** `next` of the page before. */
  readonly after?: string | undefined
  /** At most 1,000. */
  readonly limit: number
  /** Only views in which at least one of these fields is above 0. */
  readonly having?: ReadonlyArray<NumberField<Doc>> | undefined
}

/**
 * `schema` is the one that the actor's definition names (`view.schema`); pass the same object each time, since it is
 * compiled once. A stored view that it cannot decode is passed over and logged. Instances are read by InstanceReads.ts
 * instead, which also knows what they cannot say of themselves.
 */
export class ViewReads extends Context.Service<
  ViewReads,
  {
    /** Ordered by entity id. A page may hold fewer items than `limit` and still have a `next`. */
    readonly list: <Doc>(
      entity: Viewed,
      schema: Schema.Codec<Doc, unknown>,
      options: ViewOptions<NoInfer<Doc>>
    ) => Effect.Effect<Page<Doc>, ActorUnavailable>
    /** Undefined when the actor has no view, or one that cannot be decoded. */
    readonly get: <Doc>(
      entity: Viewed,
      schema: Schema.Codec<Doc, unknown>,
      entityId: string
    ) => Effect.Effect<Doc | undefined, ActorUnavailable>
  }
>()("clawster/ports/ViewReads") {}
