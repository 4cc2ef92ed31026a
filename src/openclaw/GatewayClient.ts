/**
 * The link to a real gateway. Every call has a deadline; only `run` and `send` make the gateway work, and neither is ever
 * repeated here: a caller in doubt reconciles.
 */
import { Effect, Layer, Option, Schema } from "effect"
import * as DeviceIdentity from "./DeviceIdentity.ts"
import * as GatewayConnection from "./GatewayConnection.ts"
import { ChatHistory, decodePayload, textOf } from "./GatewayFrames.ts"
import { GatewayConnector, type GatewayError, type GatewayLink, type GatewaySession } from "./GatewayLink.ts"
import { attach, reconcile, run } from "./GatewayRuns.ts"
import type { LinkLimits } from "./GatewaySession.ts"

export interface GatewayClientOptions {
  /** The file that holds, or shall hold, our device key; wanted for gateways that are not reached over loopback. */
  readonly deviceKeyFile?: string
  readonly limits?: Partial<LinkLimits>
}

export const defaultLimits: LinkLimits = {
  connectMillis: 10_000,
  requestMillis: 30_000,
  maxPending: 1024,
  minRetryMillis: 250,
  maxRetryMillis: 15_000,
  hopelessRetryMillis: 60_000,
  runMillis: 4 * 3_600_000
}

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
        connect: (endpoint) =>
          Effect.map(GatewayConnection.make(endpoint, limits, identity), (connection) => linkOver(connection, limits))
      })
    })
  )

/** The connector with default limits and no device key. */
export const layer: Layer.Layer<GatewayConnector> = Layer.orDie(layerWith({}))

const SessionRow = Schema.Struct({
  key: Schema.String,
  sessionId: Schema.optional(Schema.String),
  status: Schema.optional(Schema.String),
  lastRunId: Schema.optional(Schema.String),
  label: Schema.optional(Schema.NullOr(Schema.String))
})

const Answers = {
  create: Schema.Struct({ key: Schema.String, sessionId: Schema.optional(Schema.String) }),
  describe: Schema.Struct({ session: Schema.NullOr(SessionRow) }),
  list: Schema.Struct({ sessions: Schema.Array(SessionRow) }),
  delete: Schema.Struct({ deleted: Schema.optional(Schema.Boolean) }),
  logs: Schema.Struct({ lines: Schema.Array(Schema.String) }),
  lanes: Schema.Struct({
    lanes: Schema.Array(
      Schema.Struct({
        lane: Schema.String,
        activeCount: Schema.Int,
        queuedCount: Schema.Int,
        maxConcurrent: Schema.optional(Schema.NullOr(Schema.Int))
      })
    )
  }),
  system: Schema.Struct({
    pid: Schema.optional(Schema.Int),
    eventLoop: Schema.optional(
      Schema.Struct({ delayP99Ms: Schema.optional(Schema.Number), cpuCoreRatio: Schema.optional(Schema.Number) })
    ),
    processMemory: Schema.optional(
      Schema.Struct({ rssBytes: Schema.optional(Schema.Number), heapUsedBytes: Schema.optional(Schema.Number) })
    )
  }),
  suspension: Schema.Struct({
    status: Schema.String,
    suspensionId: Schema.optional(Schema.String),
    expiresAtMs: Schema.optional(Schema.Number),
    activeCount: Schema.optional(Schema.Int)
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

    run: (turn) => run(session, limits, turn),
    attach: (turn) => attach(session, limits, turn),
    reconcile: (turn) => reconcile(session, turn),
    abort: (sessionKey, runKey) =>
      Effect.asVoid(
        runKey === undefined
          ? call("sessions.abort", { key: sessionKey, clearQueued: true })
          : call("chat.abort", { sessionKey, runId: runKey })
      ),
    send: ({ message, queueMode, runKey, sessionKey }) =>
      Effect.asVoid(call("chat.send", { sessionKey, message, idempotencyKey: runKey, queueMode })),

    createSession: (options) =>
      Effect.map(ask("sessions.create", { ...options }, Answers.create), (created) => ({
        ...sessionOf(created),
        ...(options.label === undefined ? {} : { label: options.label })
      })),
    describeSession: (key) =>
      Effect.map(ask("sessions.describe", { key }, Answers.describe), (answer) =>
        answer.session === null ? null : sessionOf(answer.session)
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
        active: lane.activeCount,
        queued: lane.queuedCount,
        ...defined({ maxConcurrent: lane.maxConcurrent ?? undefined })
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

const sessionOf = (row: Partial<typeof SessionRow.Type> & { readonly key: string }): GatewaySession => ({
  key: row.key,
  ...defined({
    sessionId: row.sessionId,
    status: row.status,
    lastRunId: row.lastRunId,
    label: row.label ?? undefined
  })
})

const suspensionOf = ({ activeCount, expiresAtMs, status, suspensionId }: typeof Answers.suspension.Type) => ({
  status,
  ...defined({ suspensionId, expiresAtMillis: expiresAtMs, activeCount })
})

type Defined<A> = { [K in keyof A]?: Exclude<A[K], undefined> }

/** Leaves out what is undefined. */
const defined = <A extends object>(fields: A): Defined<A> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<A>
