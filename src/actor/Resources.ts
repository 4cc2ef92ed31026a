/**
 * Immutable documents that actors decide with and that are too large for their state: a workflow's plan, a workload's
 * spec. A resource is stored once, under the hash of its content. An actor's events and state hold only the key; the
 * shell loads the resource before it decides, and the store keeps it for as long as an actor uses it.
 */
import { Context, type Effect, Schema } from "effect"
import { InvalidInput } from "../schema/Errors.ts"
import type { RowWrite, Table } from "./Actor.ts"
import type { ActorAddress, StoreUnavailable } from "./Journal.ts"

/** Maximum characters of a resource as JSON. */
export const resourceMost = 1_048_576

/** No resource is stored under the key: it was never put, or nobody used it for as long as history is kept. */
export class ResourceMissing extends Schema.TaggedError<ResourceMissing>()("ResourceMissing", {
  key: Schema.String
}) {}

export class Resources extends Context.Service<
  Resources,
  {
    /**
     * Stores the resource and returns its key, a hash of its JSON. Storing it again changes nothing; with its fields
     * in another order it is another resource. Put it before the command that names its key: an unused resource stays
     * for as long as history is kept, and at least an hour. `InvalidInput`: its JSON has more than `resourceMost`
     * characters; nothing was stored.
     */
    readonly put: (resource: unknown) => Effect.Effect<string, StoreUnavailable | InvalidInput>
    readonly get: (key: string) => Effect.Effect<unknown, StoreUnavailable | ResourceMissing>
    /** Has an unused resource stay for another half hour at least, so that an actor can begin to use it. */
    readonly keep: (key: string) => Effect.Effect<void, StoreUnavailable | ResourceMissing>
  }
>()("clawster/actor/Resources") {}

export const tooLong = (length: number) =>
  new InvalidInput({
    message: `the resource has ${length} characters as JSON; ${resourceMost} is the most; split it`,
    faults: [{ path: "", expected: `at most ${resourceMost} characters of JSON` }]
  })

/** Which resource an actor uses. Written with the commit that changes it. */
export const resourceUses: Table = {
  name: "resource_uses",
  key: ["entity_type", "entity_id"],
  columns: { entity_type: "text", entity_id: "text", resource_key: "text" }
}

export const resourceUse = (
  { entityId, entityType }: Pick<ActorAddress, "entityId" | "entityType">,
  key: string | undefined
): ReadonlyArray<RowWrite> => {
  const row = { entity_type: entityType, entity_id: entityId, resource_key: key ?? null }
  return [
    { table: resourceUses, op: "insert", mayExist: true, row },
    { table: resourceUses, op: "update", row }
  ]
}
