/**
 * `/events` (alias `/ws`): the feed over a WebSocket, one JSON message per event. Query: `cursor` (continue after it;
 * absent: from now on), `types` (`task.*,instance.*`), `topics` (`events` and `counts`; `events` when absent),
 * `tenantId`. The client authenticates by an `Authorization` header, or, for browsers, by a first message
 * `{"type":"auth","token":"…"}` within 10 s.
 *
 * Other messages: `hello` (the cursor at which the feed begins), `heartbeat` (every 15 s, and at most every second
 * while the past is read: how far the feed was read for this client), `counts` (at most once a second), and the notices
 * of the feed, which `types` does not filter: `feed.gap` when events after the cursor are no longer available (`from`,
 * `to`: nothing is missing after it, `reason`: `expired` or `restored`), `feed.skipped` for an entry that cannot be
 * shown. The texts of an event above 4 million characters are cut, which `shortenedFrom` indicates.
 *
 * A malformed cursor is refused with 400 before the upgrade. A cursor that this cluster never issued (ahead of its
 * feed, or of another cluster) is refused with 400 when the key came as a header, and with close code 4400 when it came
 * as a message.
 *
 * The server closes with 1013 and the last cursor when the client is too slow, 1001 when the server stops, 4400 for a
 * cursor as above, 4401 when the key is not valid or no longer valid, 4403 when it may not read events, 4404 for
 * another tenant, 1009 when the client sends a message of more than 4 KiB.
 */
import { Clock, Effect, Result, Schema, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Socket } from "effect/socket"
import { Authenticator } from "../../auth/Authenticator.ts"
import { permits, readableTenant } from "../../auth/Policy.ts"
import { Feed } from "../../ports/Reads.ts"
import { eventRead } from "../../rpc/operations/System.ts"
import { text } from "../../schema/text/Bounds.ts"
import { Forbidden, type InvalidInput, type Unauthenticated } from "../../schema/Errors.ts"
import { invalidInput } from "../../schema/text/FieldFaults.ts"
import { Cursor } from "../../schema/feed/Feed.ts"
import { TenantId } from "../../schema/Ids.ts"
import type { Principal } from "../../schema/access/Principal.ts"
import { type EdgeError, errorResponse } from "../http/Respond.ts"
import * as SocketLimit from "../http/SocketLimit.ts"
import { SocketBuffer } from "./SocketBuffer.ts"
import { countedEvery, OverviewCounts } from "./OverviewCounts.ts"
import { EventHub } from "./EventHub.ts"
import { textOf } from "./EventText.ts"
import { ShutdownSignal } from "./ShutdownSignal.ts"
import { typeFilter } from "./TypeFilter.ts"

const heartbeatMillis = 15_000
/** Minimum interval between heartbeats while the past is read and has no events for the client. */
const progressMillis = 1_000
const authenticateWithin = "10 seconds"
const messageMost = 4_096

const list = text(2_048)
export const EventsQuery = Schema.Struct({
  cursor: Schema.optionalKey(Cursor),
  types: Schema.optionalKey(list),
  topics: Schema.optionalKey(list),
  tenantId: Schema.optionalKey(TenantId)
})
const decodeQuery = Schema.decodeUnknownEffect(EventsQuery, { onExcessProperty: "error", errors: "all" })
const decodeAuth = Schema.decodeUnknownResult(
  Schema.fromJsonString(Schema.Struct({ type: Schema.Literal("auth"), token: text(messageMost) }))
)

const namesOf = (text: string | undefined): ReadonlyArray<string> | undefined =>
  text
    ?.split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "")

/** The reason and code with which the server closes a socket. */
class Closing extends Schema.TaggedError<Closing>()("Closing", { code: Schema.Int, reason: Schema.String }) {}

const foreign = ({ faults, message }: InvalidInput) =>
  Effect.fail(new Closing({ code: 4400, reason: `${message}: ${faults[0]?.expected ?? ""}` }))
const unauthenticated = new Closing({ code: 4401, reason: "not authenticated" })

const make = Effect.gen(function* () {
  const authenticator = yield* Authenticator
  const hub = yield* EventHub
  const feed = yield* Feed
  const counts = yield* OverviewCounts
  const shutdownSignal = yield* ShutdownSignal
  const bounded = yield* SocketLimit.bounded
  const buffer = new SocketBuffer()

  /**
   * Whose key it is, when it may read events. The header is returned too, so that a revocation of its key can be
   * detected.
   */
  const reader = Effect.fnUntraced(function* (header: string) {
    const principal = yield* authenticator.authenticateHeader(header)
    if (!permits(principal, eventRead)) return yield* new Forbidden({ message: "this key may not read events" })
    return { header, principal }
  })

  const firstMessage = (pull: Socket.Reader["pull"]) =>
    Effect.gen(function* () {
      const [frame] = yield* pull
      const auth = typeof frame === "string" && frame.length <= messageMost ? decodeAuth(frame) : undefined
      if (auth === undefined || Result.isFailure(auth)) return yield* unauthenticated
      return yield* reader(`Bearer ${auth.success.token}`).pipe(
        Effect.catchTag("Unauthenticated", () => Effect.fail(unauthenticated)),
        Effect.catchTag("Forbidden", ({ message }) => Effect.fail(new Closing({ code: 4403, reason: message })))
      )
    }).pipe(
      Effect.timeout(authenticateWithin),
      Effect.catchTag("TimeoutError", () => Effect.fail(unauthenticated))
    )

  /** Answers pings, and ends with the socket. */
  const listen = (pull: Socket.Reader["pull"], send: (type: string, payload: object) => Effect.Effect<void, Closing>) =>
    Effect.forever(
      Effect.flatMap(pull, (frames) =>
        Effect.forEach(
          frames,
          (frame) => {
            if (frame.length > messageMost) return Effect.fail(new Closing({ code: 1009, reason: "message too big" }))
            return typeof frame === "string" && frame.includes('"ping"') ? send("pong", {}) : Effect.void
          },
          { discard: true }
        )
      )
    )

  const serve = Effect.fnUntraced(function* (
    request: HttpServerRequest.HttpServerRequest,
    query: typeof EventsQuery.Type,
    known: { readonly header: string; readonly principal: Principal } | undefined
  ) {
    const socket = yield* Effect.orDie(request.upgrade)
    const { pull } = yield* socket.reader
    const { write } = yield* socket.writer
    let cursor = query.cursor
    let progressAt = 0
    yield* Effect.addFinalizer(() => Effect.sync(() => buffer.forget(request)))

    const sendText = (text: string) =>
      Effect.suspend(() =>
        buffer.isTooMuch(request)
          ? Effect.fail(new Closing({ code: 1013, reason: `too slow; go on from cursor=${cursor}` }))
          : Effect.catch(write(text), () => Effect.fail(new Closing({ code: 1011, reason: "write failed" })))
      )
    const send = Effect.fnUntraced(function* (type: string, payload: object) {
      yield* sendText(JSON.stringify({ type, timestamp: yield* Clock.currentTimeMillis, payload }))
    })

    const conversation = Effect.gen(function* () {
      const { header, principal } = known ?? (yield* firstMessage(pull))
      const tenant = readableTenant(principal, query.tenantId)
      if (Result.isFailure(tenant)) return yield* new Closing({ code: 4404, reason: tenant.failure.message })
      const tenantId = tenant.success
      const topics = new Set(namesOf(query.topics) ?? ["events"])
      const isWanted = typeFilter(namesOf(query.types))
      if (cursor === undefined) cursor = yield* feed.position
      else if (known === undefined) yield* Effect.catchTag(feed.check(cursor, "cursor"), "InvalidInput", foreign)
      yield* send("hello", { cursor, heartbeatMillis })

      /** Sends the position while there are no events for this client. */
      const progress = Effect.fnUntraced(function* (isCatchingUp: boolean) {
        const now = yield* Clock.currentTimeMillis
        if (!isCatchingUp || now - progressAt < progressMillis) return
        progressAt = now
        yield* send("heartbeat", { cursor })
      })

      const events = Stream.runForEach(hub.follow({ after: cursor, tenantId, onLag: "fail" }), (event) => {
        cursor = event.cursor
        if (event.type === "feed.position") return progress(event.payload["isCatchingUp"] === true)
        return isWanted(event.type) ? sendText(textOf(event)) : Effect.void
      }).pipe(
        Effect.catch((error) =>
          Effect.fail(
            error._tag === "Closing" ? error : new Closing({ code: 1013, reason: `go on from cursor=${cursor}` })
          )
        )
      )

      const overview = Effect.scoped(
        Effect.gen(function* () {
          const pulse = yield* hub.pulse
          let seen = -1
          while (true) {
            const now = pulse()
            if (now !== seen) {
              seen = now
              yield* send("counts", yield* counts.of(tenantId))
            }
            yield* Effect.sleep(countedEvery)
          }
        })
      ).pipe(
        Effect.catchTag("ActorUnavailable", () =>
          Effect.fail(new Closing({ code: 1013, reason: `go on from cursor=${cursor}` }))
        )
      )

      const heartbeat = Effect.forever(
        Effect.delay(
          Effect.suspend(() => send("heartbeat", { cursor })),
          heartbeatMillis
        )
      )

      return yield* Effect.raceAllFirst([
        listen(pull, send),
        heartbeat,
        Effect.andThen(
          shutdownSignal.said,
          Effect.suspend(() =>
            Effect.fail(new Closing({ code: 1001, reason: `going away; go on from cursor=${cursor}` }))
          )
        ),
        Effect.catch(authenticator.untilRevoked(header), () => Effect.fail(unauthenticated)),
        ...(topics.has("events") ? [events] : []),
        ...(topics.has("counts") ? [overview] : [])
      ])
    })

    yield* conversation.pipe(
      Effect.catchTag("Closing", ({ code, reason }) =>
        Effect.ignore(write(new Socket.CloseEvent(code, reason.slice(0, 120))))
      ),
      Effect.catchTag("ActorUnavailable", () =>
        Effect.ignore(write(new Socket.CloseEvent(1013, `go on from cursor=${cursor}`)))
      ),
      Effect.catchTag("SocketError", () => Effect.void)
    )
    return HttpServerResponse.empty()
  })

  /** Checks the request before the upgrade, so that a refusal has an HTTP status. */
  const admit = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
    const parameters = yield* HttpServerRequest.ParsedSearchParams
    const query = yield* decodeQuery(parameters).pipe(Effect.mapError((error) => invalidInput("Query", error)))
    const header = request.headers["authorization"]
    if (header === undefined) return { query, known: undefined }
    const known = yield* reader(header)
    yield* Effect.fromResult(readableTenant(known.principal, query.tenantId))
    if (query.cursor !== undefined) yield* feed.check(query.cursor, "cursor")
    return { query, known }
  })

  return (request: HttpServerRequest.HttpServerRequest) =>
    admit(request).pipe(
      Effect.matchEffect({
        onFailure: (error: EdgeError | Unauthenticated) => Effect.succeed(errorResponse(error)),
        onSuccess: ({ known, query }) => bounded(serve(request, query, known))
      }),
      Effect.scoped
    )
})

export const layer = HttpRouter.use((router) =>
  Effect.flatMap(make, (handler) =>
    Effect.andThen(router.add("GET", "/events", handler), router.add("GET", "/ws", handler))
  )
)
