/** The use cases of API keys. */
import { Context, Effect, Layer } from "effect"
import { KeyService } from "../../auth/KeyService.ts"
import { Feed, type Page } from "../../ports/Reads.ts"
import type { ApiKeyInfo, CreatedKey, CreateKey } from "../../schema/Access.ts"
import type { ActorUnavailable, Conflict, InvalidInput, NotFound } from "../../schema/Errors.ts"
import { pageSize } from "../../schema/Page.ts"
import type { Call } from "./RequestContext.ts"
import { badToken, placeOf, withToken } from "./PageToken.ts"

export class Keys extends Context.Service<
  Keys,
  {
    readonly create: (
      call: Call,
      request: CreateKey
    ) => Effect.Effect<CreatedKey, InvalidInput | Conflict | ActorUnavailable>
    readonly list: (filter: {
      readonly after?: string
      readonly limit?: number
    }) => Effect.Effect<Page<ApiKeyInfo>, InvalidInput | ActorUnavailable>
    readonly revoke: (keyId: string) => Effect.Effect<ApiKeyInfo, NotFound | ActorUnavailable>
  }
>()("clawster/gateway/Keys") {
  static readonly layer = Layer.effect(
    Keys,
    Effect.gen(function* () {
      const keys = yield* KeyService
      const feed = yield* Feed

      const list = Effect.fn("Keys.list")(function* ({
        after,
        limit = pageSize.fallback
      }: {
        readonly after?: string
        readonly limit?: number
      }) {
        const position = yield* feed.position
        const all = yield* keys.list
        const place = yield* placeOf("keys", after)
        const before = all.findIndex(({ keyId }) => keyId === place)
        if (place !== undefined && before < 0) return yield* badToken
        const items = all.slice(before + 1, before + 1 + limit)
        const next = before + 1 + limit < all.length ? { next: items.at(-1)!.keyId } : {}
        return withToken("keys", { items, position, ...next })
      })

      return Keys.of({ list, create: ({ requestId }, request) => keys.create(request, requestId), revoke: keys.revoke })
    })
  )
}
