/** Fields and answers that several operations share. */
import { Schema } from "effect"
import { TenantId } from "../../schema/Ids.ts"
import { pageOf, pageQuery } from "../../schema/lists/Page.ts"
import { within } from "../../schema/text/Bounds.ts"

export const tenant = {
  tenantId: Schema.optionalKey(
    TenantId.annotate({
      description:
        "Whose. A tenant's own key may leave it out. Other keys read everybody's without it, and change nobody's: they are refused, unless the deployment names a default tenant, as `clawster up` does (`default`)."
    })
  )
}

/** What every list of a tenant's objects takes. */
export const list = { ...tenant, ...pageQuery }

/** A page of a list, under a name of its own in the documents. */
export const page = <S extends Schema.Top>(item: S, identifier: string) => pageOf(item).annotate({ identifier })

/** Where a part of a result begins: absent for the beginning, then `next` of the previous part. */
export const partPlace = Schema.optionalKey(within(0, 1_000_000))

/** What REST answers instead of the parts of a result: all of it. */
export const plainText = "text/plain; charset=utf-8"
