/**
 * Seals the secrets of an actor's encoded events and states, and opens them again. An envelope is bound to its place
 * (tenant, actor and field), so that one that was copied to another place cannot be read there.
 */
import type { Schema } from "effect"
import type { SecretBox } from "../SecretBox.ts"
import { type Change, type Found, secretFields } from "./SecretFields.ts"

/** Tenant whose secrets an encoded event or state holds; undefined when they are no tenant's. */
export type SecretTenant = (encoded: any) => string | undefined

export interface Sealing {
  readonly seal: (encoded: unknown, entityId: string) => unknown
  /** Leaves secrets in clear, which earlier versions stored, as they are. */
  readonly open: (encoded: unknown, entityId: string) => unknown
  /** Seals what is in clear, and under the current key what is sealed under another. `each` is told every secret. */
  readonly reseal: (encoded: unknown, entityId: string, each: (found: Found) => void) => unknown
}

/** Undefined when no value of the schema has a secret. The functions throw `SecretFault`. */
export const sealing = (
  schema: Schema.Top,
  entityType: string,
  tenantOf: SecretTenant | undefined,
  box: SecretBox
): Sealing | undefined => {
  const fields = secretFields(schema)
  if (fields === undefined) return undefined

  const placeIn =
    (encoded: unknown, entityId: string) =>
    (field: string): string =>
      JSON.stringify([tenantOf?.(encoded) ?? null, entityType, entityId, field])
  const sealed =
    (place: (field: string) => string): Change =>
    (found, field) =>
      typeof found === "string" ? box.seal(found, place(field)) : found
  const opened =
    (place: (field: string) => string): Change =>
    (found, field) =>
      typeof found === "string" ? found : box.open(found, place(field))

  return {
    seal: (encoded, entityId) => fields.change(encoded, sealed(placeIn(encoded, entityId))),
    open: (stored, entityId) => fields.changeStored(stored, opened(placeIn(stored, entityId))),
    reseal: (stored, entityId, each) => {
      const place = placeIn(stored, entityId)
      return fields.changeStored(stored, (found, field) => {
        each(found)
        if (typeof found !== "string" && found.key === box.current) return found
        return box.seal(opened(place)(found, field) as string, place(field))
      })
    }
  }
}
