/** The use case of every operation, by its place in the table of operations. Both edges call them from here. */
import { Effect, Layer, type Stream } from "effect"
import type { NounName } from "../../rpc/operations/Operations.ts"
import type { EdgeError } from "../http/Respond.ts"
import { Instances } from "../service/instances/Instances.ts"
import { Keys } from "../service/Keys.ts"
import { Messages } from "../service/Messages.ts"
import type { Call } from "../service/RequestContext.ts"
import type { Result } from "../service/Results.ts"
import { Sessions } from "../service/Sessions.ts"
import { System } from "../service/System.ts"
import { Lanes } from "../service/tasks/Lanes.ts"
import { Tasks } from "../service/tasks/Tasks.ts"
import { TenantGate } from "../service/tenants/TenantGate.ts"
import { Tenants } from "../service/tenants/Tenants.ts"
import type { UseCases } from "../service/UseCases.ts"

/** A noun or an operation without a use case is a type error here. */
type Table = { readonly [N in NounName]: UseCases<N> }

const table = Effect.all({
  tasks: Tasks,
  instances: Instances,
  sessions: Sessions,
  lanes: Lanes,
  tenants: Tenants,
  keys: Keys,
  messages: Messages,
  system: System
}) satisfies Effect.Effect<Table, never, unknown>

const layers = Layer.mergeAll(
  Tasks.layer,
  Instances.layer,
  Sessions.layer,
  Lanes.layer,
  Keys.layer,
  Messages.layer,
  System.layer
).pipe(Layer.provide(TenantGate.layer))

/** Those of tenants end what runs and waits by the use cases of tasks. */
export const layer = Tenants.layer.pipe(Layer.provideMerge(layers))

/** An operation's use case as a fold sees it. The payload is what the operation's own schema has decoded. */
export interface UseCase {
  (call: Call, payload: object): Effect.Effect<unknown, EdgeError>
}
export interface StreamingUseCase {
  (call: Call, payload: object): Stream.Stream<unknown, EdgeError>
}

export interface WholeResult {
  (call: Call, payload: object): Effect.Effect<Result, EdgeError>
}

/**
 * A fold over the table does not know which operation it is at, so the types that the definition and `Table` have
 * checked are given up here.
 */
export const useCases = Effect.map(table, (table) => {
  const all = table as unknown as Record<NounName, Record<string, UseCase & StreamingUseCase>>
  return {
    effect: (noun: NounName, verb: string): UseCase => all[noun][verb]!,
    stream: (noun: NounName, verb: string): StreamingUseCase => all[noun][verb]!,
    /** The use case behind an endpoint that answers with a whole text. */
    wholeResult: (noun: NounName): WholeResult => (all[noun] as unknown as { wholeResult: WholeResult }).wholeResult
  }
})
