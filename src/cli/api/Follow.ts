/** Prints events as they happen, one per line, and waits for the event that ends the stream. */
import { Console, Effect, Option, Stream } from "effect"
import type { Cursor, FeedEvent } from "../../schema/feed/Feed.ts"
import { isNotice } from "../../schema/feed/FeedNotice.ts"
import type { SessionId, TaskId } from "../../schema/Ids.ts"
import { terminalPhases } from "../../schema/Task.ts"
import { Api, type ApiError, type Subject } from "./Api.ts"
import { colourOf, time } from "../Print.ts"
import { paint, Screen } from "../Terminal.ts"
import { Json, Tenant } from "../GlobalFlags.ts"

/** Payload fields to print, most informative first. Of a text longer than 100 characters only the end is printed. */
const told = ["instanceId", "attempt", "reason", "because", "tool", "text", "message", "lane", "phase"] as const
const textShown = 100

const tail = (text: string) => {
  const line = text.replaceAll(/\s+/g, " ").trim()
  return line.length <= textShown ? line : `…${line.slice(1 - textShown)}`
}

const scalar = (value: unknown): string | undefined =>
  typeof value === "string" ? tail(value) : typeof value === "number" ? String(value) : undefined

const inner = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined

const subject = ({ entityId, payload }: FeedEvent): string =>
  scalar(payload.taskId) ??
  scalar(payload.turnId) ??
  scalar(payload.sessionId) ??
  scalar(payload.instanceId) ??
  entityId

const facts = (event: FeedEvent): string => {
  const { payload } = event
  const parts = told.flatMap((key) => {
    const value = scalar(payload[key])
    return value === undefined || value === subject(event)
      ? []
      : [key === "text" || key === "message" ? value : `${key}=${value}`]
  })
  const error = scalar(inner(payload.error, "message"))
  const text = scalar(inner(payload.result, "text"))
  return [...parts, ...(error === undefined ? [] : [error]), ...(text === undefined ? [] : [text])].join(" ")
}

/** Formats an event as `12:00:01 task.started t1 instanceId=i1 because=least loaded`. */
export const eventLine = (event: FeedEvent, screen: Screen): string => {
  const at = (time(event.timestamp) ?? "").slice(11)
  const last = event.type.slice(event.type.lastIndexOf(".") + 1).replace(/^turn_/, "")
  return [paint(screen, "dim", at), paint(screen, colourOf(last), event.type), subject(event), facts(event)]
    .filter((part) => part !== "")
    .join(" ")
}

export const printEvent = Effect.fnUntraced(function* (event: FeedEvent) {
  yield* Console.log((yield* Json) ? JSON.stringify(event) : eventLine(event, yield* Screen))
})

/**
 * Prints the wanted events after the position, and the notices of the feed, until an event ends the stream, or for
 * ever. After a gap, in which that event may have been lost, `isOver` is asked instead.
 */
export const follow = Effect.fnUntraced(function* (options: {
  readonly after: Cursor | undefined
  readonly wanted: (event: FeedEvent) => boolean
  readonly isEnd?: (event: FeedEvent) => boolean
  /** Filter applied by the gateway. Gateways of an older version ignore it. */
  readonly about?: Subject
  readonly isOver?: (api: Api["Service"]) => Effect.Effect<boolean, ApiError>
}): Effect.fn.Return<FeedEvent | undefined, ApiError, Api | typeof Json.Identifier | typeof Tenant.Identifier> {
  const api = yield* Api
  const tenantId = Option.getOrUndefined(yield* Tenant)
  const { isEnd = () => false, isOver = () => Effect.succeed(false) } = options
  const last = yield* api.follow({ after: options.after, tenantId, ...options.about }).pipe(
    Stream.filter((event) => isNotice(event) || options.wanted(event)),
    Stream.tap(printEvent),
    Stream.takeUntilEffect((event) => (event.type === "feed.gap" ? isOver(api) : Effect.succeed(isEnd(event)))),
    Stream.runLast
  )
  return Option.getOrUndefined(last)
})

const taskEnds: ReadonlySet<string> = new Set([
  "task.completed",
  "task.failed",
  "task.cancelled",
  "task.dead_lettered",
  "task.dropped"
])
const turnEnds: ReadonlySet<string> = new Set(["session.turn_completed", "session.turn_failed", "session.turn_aborted"])

/** Follows the events of a task until it has ended. */
export const followTask = Effect.fnUntraced(function* (taskId: TaskId, after: Cursor) {
  const tenantId = Option.getOrUndefined(yield* Tenant)
  return yield* follow({
    after,
    wanted: ({ payload }) => payload.taskId === taskId,
    about: { taskId },
    isEnd: ({ type }) => taskEnds.has(type),
    isOver: (api) => Effect.map(api.tasks.get({ taskId, tenantId }), ({ phase }) => terminalPhases.has(phase))
  })
})

/** Follows the events of a turn until it has ended. */
export const followTurn = Effect.fnUntraced(function* (sessionId: SessionId, turnId: string, after: Cursor) {
  const tenantId = Option.getOrUndefined(yield* Tenant)
  return yield* follow({
    after,
    wanted: ({ payload }) => payload.sessionId === sessionId && payload.turnId === turnId,
    about: { sessionId },
    isEnd: ({ type }) => turnEnds.has(type),
    isOver: (api) =>
      Effect.map(
        api.sessions.waitTurn({ sessionId, turnId, tenantId, millis: 0 }),
        ({ phase }) => phase !== "queued" && phase !== "running"
      )
  })
})
