/** API keys as administrators see them. */
import { Schema } from "effect"
import { bounds, nonEmptyText } from "../text/Bounds.ts"
import { TenantId } from "../Ids.ts"
import { Role } from "./Principal.ts"

export const KeyId = Schema.String.check(
  Schema.isPattern(/^[a-z0-9]{8,32}$/u, { expected: "8 to 32 lower-case letters and digits" })
)

/** Contains neither the secret nor its hash. */
export const ApiKeyInfo = Schema.Struct({
  keyId: KeyId,
  name: Schema.String,
  role: Role,
  tenantId: Schema.optionalKey(TenantId),
  createdAt: Schema.Finite,
  revokedAt: Schema.optionalKey(Schema.Finite)
}).annotate({ identifier: "ApiKey" })
export type ApiKeyInfo = typeof ApiKeyInfo.Type

export const CreateKey = Schema.Struct({
  name: nonEmptyText(bounds.name),
  role: Role,
  /** Required for role `tenant`; not allowed for other roles. */
  tenantId: Schema.optionalKey(TenantId)
}).annotate({ identifier: "CreateKey" })
export type CreateKey = typeof CreateKey.Type

export const CreatedKey = Schema.Struct({
  key: ApiKeyInfo,
  /** `claw_<keyId>_<secret>`. Returned only once, because only the hash of the secret is stored. */
  token: Schema.String
}).annotate({ identifier: "CreatedKey" })
export type CreatedKey = typeof CreatedKey.Type
