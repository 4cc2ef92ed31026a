/** The use cases of the system: who calls, which processes there are, and the feed of events. */
import { Context, Effect, Layer, Stream } from "effect"
import { ClusterReads, isServed, type KnownPlacement } from "../../ports/ClusterReads.ts"
import { Feed } from "../../ports/Reads.ts"
import { placementRememberedMillis, type UnservedPlacement } from "../../schema/ClusterStatus.ts"
import { ActorUnavailable } from "../../schema/Errors.ts"
import type { FeedEvent } from "../../schema/feed/Feed.ts"
import { EventHub } from "../events/EventHub.ts"
import { subjectFilter } from "../events/SubjectFilter.ts"
import { typeFilter } from "../events/TypeFilter.ts"
import type { Call } from "./RequestContext.ts"
import { reading } from "./TenantAccess.ts"
import type { Request, UseCases } from "./UseCases.ts"

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

const unservedOf = ({ instances, lastSeenAt, placement }: KnownPlacement): UnservedPlacement => ({
  placement,
  instances,
  ...(lastSeenAt === undefined ? {} : { lastSeenAt }),
  ...(lastSeenAt === undefined || instances > 0 ? {} : { forgottenAt: lastSeenAt + placementRememberedMillis })
})

const behind = new ActorUnavailable({
  reason: "Overloaded",
  message: "the follower fell behind; go on from its cursor",
  retryAfterMillis: 100
})

const make = Effect.gen(function* () {
  const cluster = yield* ClusterReads
  const feed = yield* Feed
  const hub = yield* EventHub

  const follow = Effect.fnUntraced(function* (call: Call, request: Request<"system", "follow">) {
    const tenantId = yield* reading(call, request.tenantId)
    if (request.cursor !== undefined) yield* feed.check(request.cursor, "cursor")
    const isWanted = typeFilter(request.types)
    const isAbout = subjectFilter(request)
    return hub.follow({ after: request.cursor, tenantId, onLag: "reread" }).pipe(
      Stream.filter((event) => isWanted(event.type) && isAbout(event)),
      Stream.filter(fewPositions()),
      Stream.mapError((error) => (error._tag === "Lagged" ? behind : error))
    )
  })

  return System.of({
    me: ({ principal }) => Effect.succeed(principal),
    runners: () =>
      Effect.zipWith(cluster.runners, cluster.placements, (items, placements) => {
        const unserved = placements.filter((known) => !isServed(known)).map(unservedOf)
        return { items, ...(unserved.length === 0 ? {} : { unserved }) }
      }),
    shards: () => Effect.map(cluster.shards, (items) => ({ items })),
    position: () => Effect.map(feed.position, (position) => ({ position })),
    follow: (call, request) => Stream.unwrap(follow(call, request))
  })
})

export class System extends Context.Service<System, UseCases<"system">>()("clawster/gateway/System") {
  static readonly layer: Layer.Layer<System, never, ClusterReads | Feed | EventHub> = Layer.effect(
    System,
    Effect.suspend(() => make)
  )
}
