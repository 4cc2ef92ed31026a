/**
 * The link to a real gateway. Every call has a deadline. Only `run` and `send` start work at the gateway, and neither
 * is ever retried here: a caller in doubt reconciles.
 */
import { createHash } from "node:crypto"
import { Effect, Layer, Option, Schema } from "effect"
import { bounds, gatewayBounds } from "../../schema/text/Bounds.ts"
import * as DeviceIdentity from "./DeviceIdentity.ts"
import * as GatewayConnection from "./GatewayConnection.ts"
import { ChatHistory, decodePayload, textOf } from "./GatewayFrames.ts"
import {
  GatewayConnector,
  type GatewayEndpoint,
  type GatewayError,
  type GatewayLink,
  type GatewaySession
} from "../GatewayLink.ts"
import { attach, reconcile, run } from "./GatewayRuns.ts"
import type { LinkLimits } from "./GatewaySession.ts"
import { count, flag, list, neededText, part, share, text } from "./BoundedFields.ts"

export interface GatewayClientOptions {
  /** The file of our device key, generated when absent; needed for gateways that are not reached over loopback. */
  readonly deviceKeyFile?: string
  readonly limits?: Partial<LinkLimits>
}

export const defaultLimits: LinkLimits = {
  connectMillis: 10_000,
  requestMillis: 30_000,
  maxFrameBytes: 32 * 1024 * 1024,
  maxPending: 1024,
  minRetryMillis: 250,
  maxRetryMillis: 15_000,
  hopelessRetryMillis: 60_000,
  silenceMillis: 20_000,
  tickMillis: { least: 1_000, most: 60_000 },
  runMillis: 4 * 3_600_000
}

const logLines = 10_000
const lanesRead = 256

const limitsFor = ({ reconnect = {} }: GatewayEndpoint, limits: LinkLimits): LinkLimits => ({
  ...limits,
  ...(reconnect.firstMillis === undefined ? {} : { minRetryMillis: reconnect.firstMillis }),
  ...(reconnect.longestMillis === undefined ? {} : { maxRetryMillis: reconnect.longestMillis })
})

/** The connector with the given options. Fails when the device key file cannot be used. */
export const layerWith = (
  options: GatewayClientOptions
): Layer.Layer<GatewayConnector, DeviceIdentity.DeviceIdentityUnavailable> =>
  Layer.effect(
    GatewayConnector,
    Effect.gen(function* () {
      const limits = { ...defaultLimits, ...options.limits }
      const identity =
        options.deviceKeyFile === undefined
          ? Option.none<DeviceIdentity.DeviceIdentity>()
          : Option.some(yield* DeviceIdentity.load(options.deviceKeyFile))
      return GatewayConnector.of({
        connect: (endpoint) => {
          const own = limitsFor(endpoint, limits)
          return Effect.map(GatewayConnection.make(endpoint, own, identity), (connection) => linkOver(connection, own))
        }
      })
    })
  )

/** The connector with default limits and no device key. */
export const layer: Layer.Layer<GatewayConnector> = Layer.orDie(layerWith({}))

const SessionRow = Schema.Struct({
  key: neededText(gatewayBounds.id),
  sessionId: text(gatewayBounds.id),
  status: text(gatewayBounds.phase),
  lastRunId: text(gatewayBounds.id),
  label: text(bounds.label),
  updatedAt: count
})

const LaneRow = Schema.Struct({
  lane: neededText(bounds.label),
  activeCount: count,
  queuedCount: count,
  maxConcurrent: count
})

const EventLoop = Schema.Struct({ delayP99Ms: count, cpuCoreRatio: share })
const ProcessMemory = Schema.Struct({ rssBytes: count, heapUsedBytes: count })

const Answers = {
  create: Schema.Struct({ key: neededText(gatewayBounds.id), sessionId: text(gatewayBounds.id) }),
  describe: Schema.Struct({ session: part(SessionRow) }),
  list: Schema.Struct({ sessions: list(SessionRow, gatewayBounds.rows) }),
  delete: Schema.Struct({ deleted: flag }),
  logs: Schema.Struct({ lines: list(neededText(bounds.logLine), logLines) }),
  lanes: Schema.Struct({ lanes: list(LaneRow, lanesRead) }),
  system: Schema.Struct({ pid: count, eventLoop: part(EventLoop), processMemory: part(ProcessMemory) }),
  suspension: Schema.Struct({
    status: neededText(gatewayBounds.phase),
    suspensionId: text(gatewayBounds.id),
    expiresAtMs: count,
    activeCount: count
  })
}

const linkOver = (connection: GatewayConnection.GatewayConnection, limits: LinkLimits): GatewayLink => {
  const { session } = connection

  const call = (method: string, params: Schema.JsonObject): Effect.Effect<unknown, GatewayError> =>
    Effect.flatMap(session, (live) => live.request(method, params))

  const ask = <S extends Schema.ConstraintDecoder<unknown>>(method: string, params: Schema.JsonObject, schema: S) =>
    Effect.flatMap(call(method, params), decodePayload(method, schema))

  return {
    status: connection.status,
    statusChanges: connection.statusChanges,
    ready: Effect.map(session, (live) => live.hello),

    run: (turn) => run(session, limits, onWire(turn)),
    attach: (turn) => attach(session, limits, onWire(turn)),
    reconcile: (turn) => reconcile(session, onWire(turn)),
    abort: (sessionKey, runKey) =>
      Effect.asVoid(
        runKey === undefined
          ? call("sessions.abort", { key: sessionKey, clearQueued: true })
          : call("chat.abort", { sessionKey, runId: keyOnWire(runKey) })
      ),
    send: ({ message, queueMode, runKey, sessionKey }) =>
      Effect.asVoid(call("chat.send", { sessionKey, message, idempotencyKey: keyOnWire(runKey), queueMode })),

    createSession: (options) =>
      Effect.map(ask("sessions.create", { ...options }, Answers.create), (created) => ({
        ...sessionOf(created),
        ...(options.label === undefined ? {} : { label: options.label })
      })),
    describeSession: (key) =>
      Effect.map(ask("sessions.describe", { key }, Answers.describe), (answer) =>
        answer.session === undefined ? null : sessionOf(answer.session)
      ),
    listSessions: (page) =>
      Effect.map(ask("sessions.list", { ...page }, Answers.list), (answer) => answer.sessions.map(sessionOf)),
    resetSession: (key) => Effect.asVoid(call("sessions.reset", { key })),
    deleteSession: (key) =>
      Effect.map(
        ask("sessions.delete", { key, deleteTranscript: true }, Answers.delete),
        (answer) => answer.deleted ?? false
      ),
    history: (key, limit) =>
      Effect.map(ask("chat.history", { sessionKey: key, limit }, ChatHistory), (history) =>
        history.messages.map((row) => ({
          role: row.role,
          text: textOf(row.content),
          ...defined({
            idempotencyKey: row.idempotencyKey,
            runId: row.__openclaw?.runId,
            timestamp: row.timestamp
          })
        }))
      ),

    system: Effect.map(ask("system.info", {}, Answers.system), (info) =>
      defined({
        pid: info.pid,
        rssBytes: info.processMemory?.rssBytes,
        heapUsedBytes: info.processMemory?.heapUsedBytes,
        cpu: info.eventLoop?.cpuCoreRatio,
        eventLoopDelayP99Millis: info.eventLoop?.delayP99Ms
      })
    ),
    lanes: Effect.map(ask("diagnostics.lanes", {}, Answers.lanes), (answer) =>
      answer.lanes.map((lane) => ({
        lane: lane.lane,
        active: lane.activeCount ?? 0,
        queued: lane.queuedCount ?? 0,
        ...defined({ maxConcurrent: lane.maxConcurrent })
      }))
    ),
    logs: (limit) => Effect.map(ask("logs.tail", { limit }, Answers.logs), (answer) => answer.lines),
    suspend: (requestId) =>
      Effect.map(ask("gateway.suspend.prepare", { requestId, drain: true }, Answers.suspension), suspensionOf),
    suspensionStatus: (suspensionId) =>
      Effect.map(ask("gateway.suspend.status", { suspensionId }, Answers.suspension), (answer) => ({
        suspensionId,
        ...suspensionOf(answer)
      })),
    resume: (suspensionId) => Effect.asVoid(call("gateway.suspend.resume", { suspensionId }))
  }
}

/**
 * Longest run key that is sent as it is; longer keys are shortened with their SHA-256. `chat.history` accepts no run id
 * above 256 characters, so a run with a longer key could be sent and never found again.
 */
const keyMost = 200

const keyOnWire = (runKey: string): string =>
  runKey.length <= keyMost ? runKey : `${runKey.slice(0, 120)}~${createHash("sha256").update(runKey).digest("hex")}`

const onWire = <A extends { readonly runKey: string }>(turn: A): A =>
  turn.runKey.length <= keyMost ? turn : { ...turn, runKey: keyOnWire(turn.runKey) }

const sessionOf = (row: Partial<typeof SessionRow.Type> & { readonly key: string }): GatewaySession => ({
  key: row.key,
  ...defined({
    sessionId: row.sessionId,
    status: row.status,
    lastRunId: row.lastRunId,
    label: row.label,
    updatedAt: row.updatedAt
  })
})

const suspensionOf = ({ activeCount, expiresAtMs, status, suspensionId }: typeof Answers.suspension.Type) => ({
  status,
  ...defined({ suspensionId, expiresAtMillis: expiresAtMs, activeCount })
})

type Defined<A> = { [K in keyof A]?: Exclude<A[K], undefined> }

/** Omits the fields that are undefined. */
const defined = <A extends object>(fields: A): Defined<A> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<A>
