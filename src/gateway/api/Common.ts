/** Parameters and responses shared by several endpoints. */
import { Schema } from "effect"
import { HttpApiSchema } from "effect/http-api"
import { idempotencyKeyHeader } from "../../rpc/Authentication.ts"
import { IdempotencyKey, TenantId } from "../../schema/Ids.ts"
import { pageQuery } from "../../schema/Page.ts"

/** Header of every change: the same key and request return the same answer, and the change takes effect once. */
export const keyHeader = {
  [idempotencyKeyHeader]: Schema.optionalKey(
    IdempotencyKey.annotate({
      description:
        "1 to 255 visible characters of your choice, one for each change: repeat it when you repeat the request."
    })
  )
}

export const tenantQuery = {
  tenantId: Schema.optionalKey(
    TenantId.annotate({
      description:
        "Whose. A tenant's own key may leave it out. Other keys read everybody's without it, and change nobody's: they are refused, unless the deployment names a default tenant, as `clawster up` does (`default`)."
    })
  )
}

/** A streamed text. */
export const resultText = Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/plain; charset=utf-8" }))

export const listQuery = { ...tenantQuery, ...pageQuery }
