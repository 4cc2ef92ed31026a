/** Encodes the views of one actor type as they are stored. */
import { Schema } from "effect"
import type { View, ViewDefinition } from "../Actor.ts"
import type { Commit } from "../Journal.ts"

/** What a commit writes as the actor's view; `doc` is null when the actor has none. */
export type EncodeView = (view: View<any> | undefined) => NonNullable<Commit["view"]>

/**
 * The bounds of the schema are not checked: a view beyond them is passed over by readers, and must not keep the actor
 * from committing.
 */
export const make = ({ schema }: ViewDefinition<any, any>): EncodeView => {
  const codec = Schema.toCodecJson(schema) as Schema.Codec<unknown, unknown>
  const encode = Schema.encodeUnknownSync(codec, { disableChecks: true })
  return (view) => ({ tenantId: view?.tenantId ?? null, doc: view === undefined ? null : encode(view.doc) })
}
