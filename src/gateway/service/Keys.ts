/** The use cases of API keys. */
import { Context, Effect, Layer } from "effect"
import { KeyService } from "../../auth/KeyService.ts"
import { Feed } from "../../ports/Reads.ts"
import { pageSize } from "../../schema/lists/Page.ts"
import type { Call } from "./RequestContext.ts"
import { badToken, placeOf, withToken } from "./PageToken.ts"
import type { Request, UseCases } from "./UseCases.ts"

export class Keys extends Context.Service<Keys, UseCases<"keys">>()("clawster/gateway/Keys") {
  static readonly layer = Layer.effect(
    Keys,
    Effect.gen(function* () {
      const keys = yield* KeyService
      const feed = yield* Feed

      const list = Effect.fn("Keys.list")(function* (
        _: Call,
        { after, limit = pageSize.fallback }: Request<"keys", "list">
      ) {
        const position = yield* feed.position
        const all = yield* keys.list
        const place = yield* placeOf("keys", after)
        const before = all.findIndex(({ keyId }) => keyId === place)
        if (place !== undefined && before < 0) return yield* badToken
        const items = all.slice(before + 1, before + 1 + limit)
        const next = before + 1 + limit < all.length ? { next: items.at(-1)!.keyId } : {}
        return withToken("keys", { items, position, ...next })
      })

      return Keys.of({
        list,
        create: ({ requestId }, request) => keys.create(request, requestId),
        revoke: (_, { keyId }) => keys.revoke(keyId)
      })
    })
  )
}
