/** Streams the feed to one follower from its cursor on, until the API key of the follower is revoked. */
import { Effect, Stream } from "effect"
import { Authenticator } from "../../auth/Authenticator.ts"
import { Feed } from "../../ports/Reads.ts"
import { ActorUnavailable } from "../../schema/Errors.ts"
import type { Cursor, FeedEvent } from "../../schema/feed/Feed.ts"
import type { TenantId } from "../../schema/Ids.ts"
import { EventHub } from "../events/EventHub.ts"
import { subjectFilter } from "../events/SubjectFilter.ts"
import { typeFilter } from "../events/TypeFilter.ts"
import { reading as readingTenant } from "../service/Tenants.ts"
import { reading } from "../service/RequestContext.ts"
import type { Incoming } from "./RpcCall.ts"

interface Follow {
  readonly cursor?: Cursor
  readonly tenantId?: TenantId
  readonly types?: ReadonlyArray<string>
  readonly taskId?: string
  readonly sessionId?: string
  readonly instanceId?: string
}

export const followEvents = Effect.gen(function* () {
  const feed = yield* Feed
  const hub = yield* EventHub
  const authenticator = yield* Authenticator
  return (payload: Follow, { headers }: Incoming) =>
    Stream.unwrap(
      Effect.gen(function* () {
        const tenantId = yield* readingTenant(yield* reading, payload.tenantId)
        if (payload.cursor !== undefined) yield* feed.check(payload.cursor, "cursor")
        const isWanted = typeFilter(payload.types)
        const isAbout = subjectFilter(payload)
        return hub.follow({ after: payload.cursor, tenantId, onLag: "reread" }).pipe(
          Stream.filter((event) => isWanted(event.type) && isAbout(event)),
          Stream.filter(fewPositions()),
          Stream.mapError((error) =>
            error._tag === "Lagged"
              ? new ActorUnavailable({
                  reason: "Overloaded",
                  message: "the follower fell behind; go on from its cursor",
                  retryAfterMillis: 100
                })
              : error
          ),
          Stream.interruptWhen(authenticator.untilRevoked(headers["authorization"]))
        )
      })
    )
})

const positionEveryMillis = 5_000

/** Limits the `feed.position` notices of a follower to one per 5 s, which is enough to resume from. */
const fewPositions = () => {
  let toldAt = 0
  return ({ timestamp, type }: FeedEvent): boolean => {
    if (type !== "feed.position") return true
    if (timestamp - toldAt < positionEveryMillis) return false
    toldAt = timestamp
    return true
  }
}
