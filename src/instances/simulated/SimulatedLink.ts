/** The `GatewayLink` to a simulated gateway, with the real link's answers and errors but without a socket. */
import { Deferred, Effect, Result, type Scope, Stream } from "effect"
import type {
  GatewayHello,
  GatewayLink,
  LinkStatus,
  Reconciled,
  Turn,
  TurnProgress
} from "../../openclaw/GatewayLink.ts"
import { GatewayError } from "../../openclaw/GatewayLink.ts"
import { Feed } from "./ProgressQueue.ts"
import type { Gateway, GatewaySocket } from "./SimulatedGateway.ts"
import type { GatewayProcess } from "./GatewayProcess.ts"
import type { Run, RunFeed } from "./SimulatedRun.ts"
import type { Session } from "./SimulatedSession.ts"

const statusesKept = 64

const gatewayError = (
  reason: GatewayError["reason"],
  message: string,
  more: Partial<Pick<GatewayError, "code" | "details" | "retryAfterMillis" | "retryable">> = {}
): GatewayError => new GatewayError({ reason, message, retryable: false, ...more })

const invalid = (message: string, code = "INVALID_REQUEST"): GatewayError =>
  gatewayError("InvalidRequest", message, { code })

const unreachable = (gateway: Gateway): GatewayError =>
  gatewayError("Unreachable", `nothing answers at ${gateway.url}`, { retryable: true })

const refusal = (process: GatewayProcess): GatewayError | undefined =>
  process.draining || process.suspended
    ? gatewayError("Unavailable", "the gateway takes no new work", {
        code: "UNAVAILABLE",
        details: { reason: process.draining ? "gateway-restarting" : "gateway-suspending" },
        retryable: true,
        retryAfterMillis: 1_000
      })
    : undefined

const hello = (process: GatewayProcess, connection: number): GatewayHello => ({
  protocol: 4,
  version: "2026.9.6-simulated",
  bootId: process.bootId,
  connId: `${process.bootId}-connection-${connection}`,
  scopes: ["operator.read", "operator.write", "operator.admin"],
  maxPayloadBytes: 26_214_400,
  tickIntervalMillis: 30_000
})

class Socket implements GatewaySocket {
  status: LinkStatus = { _tag: "connecting", attempt: 1 }
  readonly statusFeeds = new Set<Feed<LinkStatus, never>>()
  readonly feeds = new Map<RunFeed, Run>()
  readonly #gateway: Gateway
  readonly #refused: GatewayError | undefined

  constructor(gateway: Gateway, refused: GatewayError | undefined) {
    this.#gateway = gateway
    this.#refused = refused
  }

  readonly reachable = (): void => {
    if (this.status._tag === "connected" || this.status._tag === "closed") return
    const { process } = this.#gateway
    if (this.#refused !== undefined && this.#gateway.answers) {
      this.become({ _tag: "down", error: this.#refused, retrying: false })
    } else if (process === undefined || !this.#gateway.answers) {
      this.become({ _tag: "down", error: unreachable(this.#gateway), retrying: true })
    } else {
      this.#gateway.connections += 1
      this.become({ _tag: "connected", hello: hello(process, this.#gateway.connections) })
    }
  }

  readonly lost = (why: string): void => {
    if (this.status._tag !== "connected") return
    const error = gatewayError("ConnectionLost", why, { retryable: true })
    this.become({ _tag: "down", error, retrying: true })
    this.failFeeds(error)
    this.#gateway.after(this.#gateway.options.reconnectMillis, this.reachable)
  }

  become(status: LinkStatus): void {
    this.status = status
    for (const feed of this.statusFeeds) {
      feed.push(status)
      if (status._tag === "closed") feed.end()
    }
  }

  failFeeds(error: GatewayError): void {
    for (const [feed, run] of this.feeds) {
      run.feeds.delete(feed)
      feed.fail(error)
    }
    this.feeds.clear()
  }

  follow(run: Run, bootId: string): RunFeed {
    const feed = run.subscribe(bootId)
    this.feeds.set(feed, run)
    return feed
  }

  readonly unfollow = (feed: RunFeed): void => {
    this.feeds.get(feed)?.feeds.delete(feed)
    this.feeds.delete(feed)
  }
}

/** Opens a link that reconnects as soon as the gateway answers again, until the scope closes. */
export const open = (gateway: Gateway, refused?: GatewayError): Effect.Effect<GatewayLink, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const socket = new Socket(gateway, refused)
      gateway.sockets.add(socket)
      socket.reachable()
      return socket
    }),
    (socket) =>
      Effect.sync(() => {
        gateway.sockets.delete(socket)
        socket.become({ _tag: "closed" })
        socket.failFeeds(gatewayError("Closed", "the link was closed"))
      })
  ).pipe(Effect.map((socket) => link(gateway, socket)))

const link = (gateway: Gateway, socket: Socket): GatewayLink => {
  const statusChanges = Feed.stream(
    Effect.sync(() => {
      const feed = new Feed<LinkStatus, never>(() => undefined, statusesKept)
      feed.push(socket.status)
      if (socket.status._tag === "closed") feed.end()
      else socket.statusFeeds.add(feed)
      return feed
    }),
    (feed) => socket.statusFeeds.delete(feed)
  )

  const ready = Effect.suspend(() => {
    const done = Deferred.makeUnsafe<GatewayHello, GatewayError>()
    return statusChanges.pipe(
      Stream.runForEachWhile((status) =>
        Effect.sync(() => {
          if (status._tag === "connected") Deferred.doneUnsafe(done, Effect.succeed(status.hello))
          else if (status._tag === "closed")
            Deferred.doneUnsafe(done, Effect.fail(gatewayError("Closed", "the link was closed")))
          else if (status._tag === "down" && !status.retrying) Deferred.doneUnsafe(done, Effect.fail(status.error))
          else return true
          return false
        })
      ),
      Effect.andThen(Deferred.await(done)),
      Effect.timeoutOrElse({
        duration: gateway.options.connectTimeoutMillis,
        orElse: () => Effect.fail(socket.status._tag === "down" ? socket.status.error : unreachable(gateway))
      })
    )
  })

  const answered = <A>(
    answer: (process: GatewayProcess) => Result.Result<A, GatewayError>
  ): Effect.Effect<A, GatewayError> =>
    Effect.suspend(() => {
      const { process } = gateway
      if (process === undefined) return Effect.fail(unreachable(gateway))
      if (gateway.faults.standing("unresponsive") === undefined) return Effect.fromResult(answer(process))
      return Effect.andThen(
        Effect.sleep(gateway.options.requestTimeoutMillis),
        Effect.fail(gatewayError("DeadlineExceeded", "the gateway did not answer", { retryable: true }))
      )
    })

  /**
   * Sends one request. It waits for a connection like `ready`; with an unresponsive gateway it fails with
   * `DeadlineExceeded`.
   */
  const request = <A>(
    answer: (process: GatewayProcess) => Result.Result<A, GatewayError>
  ): Effect.Effect<A, GatewayError> =>
    Effect.suspend(() =>
      socket.status._tag === "connected" ? answered(answer) : Effect.andThen(ready, answered(answer))
    )

  const accepted = <A>(answer: (process: GatewayProcess) => Result.Result<A, GatewayError>) =>
    request((process) => {
      const refused = refusal(process)
      return refused === undefined ? answer(process) : Result.fail(refused)
    })

  const withSession = <A>(key: string, use: (session: Session | undefined, process: GatewayProcess) => A) =>
    accepted((process) => Result.succeed(use(gateway.sessions.get(key.toLowerCase()), process)))

  const run = (turn: Turn) =>
    Feed.stream(
      accepted((process) => {
        const session = gateway.admit(turn)
        if (typeof session === "string") return Result.fail(invalid(session))
        let feed: RunFeed | undefined
        process.agent(turn, session, (started) => {
          feed = socket.follow(started, process.bootId)
        })
        return Result.succeed(feed!)
      }),
      socket.unfollow
    )

  const attach = (turn: Turn) =>
    Feed.stream(
      request((process) => {
        const followed = process.find(turn.runKey)
        if (followed !== undefined) return Result.succeed(socket.follow(followed, process.bootId))
        const record = gateway.sessions.get(turn.sessionKey.toLowerCase())?.record(turn.runKey)
        if (record?.end === undefined) {
          return Result.fail(
            invalid(`the gateway knows no run ${turn.runKey}: it was not accepted, send it`, "RUN_UNKNOWN")
          )
        }
        const feed = new Feed<TurnProgress, GatewayError>(() => undefined, 2)
        feed.push({ _tag: "Accepted", runId: record.runId, bootId: process.bootId })
        feed.push({ _tag: "Ended", end: record.end })
        feed.end()
        return Result.succeed(feed)
      }),
      socket.unfollow
    )

  return {
    status: Effect.sync(() => socket.status),
    statusChanges,
    ready,
    run,
    attach,
    reconcile: (turn) =>
      withSession(
        turn.sessionKey,
        (session, process): Reconciled =>
          session?.reconcile(turn.runKey, process.find(turn.runKey)) ?? { _tag: "absent" }
      ),
    abort: (sessionKey, runKey) =>
      request((process) => {
        const session = gateway.sessions.get(sessionKey.toLowerCase())
        const known = runKey === undefined ? undefined : process.find(runKey)
        if (known !== undefined) process.abort(known)
        else if (runKey === undefined && session !== undefined) process.abortSession(session)
        return Result.succeed(undefined)
      }),
    send: (message) =>
      accepted((process) => {
        const session = gateway.admit(message)
        if (typeof session === "string") return Result.fail(invalid(session))
        return process.send(message, message.queueMode, session)
          ? Result.succeed(undefined)
          : Result.fail(invalid("chat-request-conflict: the run key was used with another message"))
      }),
    createSession: ({ key, label }) =>
      accepted(() => {
        const session = gateway.session(key)
        if (session === undefined) return Result.fail(invalid("key must be agent:main:<name>"))
        session.label = label ?? session.label
        return Result.succeed(session.describe())
      }),
    describeSession: (key) => withSession(key, (session) => session?.describe() ?? null),
    listSessions: ({ limit, offset }) =>
      accepted(() =>
        Result.succeed(
          Array.from(gateway.sessions.values())
            .slice(offset, offset + limit)
            .map((session) => session.describe())
        )
      ),
    resetSession: (key) => withSession(key, (session) => session?.reset(gateway.now())),
    deleteSession: (key) =>
      withSession(key, (session, process) => {
        if (session === undefined) return false
        process.abortSession(session)
        return gateway.sessions.delete(session.key)
      }),
    history: (key, limit) => withSession(key, (session) => session?.history(limit) ?? []),
    system: accepted((process) => Result.succeed({ rssBytes: memory(process), cpu: load(gateway, process) })),
    lanes: accepted((process) => Result.succeed(process.lanes())),
    logs: (limit) => accepted(() => Result.succeed(gateway.logs(limit))),
    suspend: (requestId) => request((process) => Result.succeed(process.suspend(requestId))),
    suspensionStatus: (suspensionId) => request((process) => Result.succeed(process.suspension(suspensionId))),
    resume: (suspensionId) => request((process) => Result.succeed(process.resume(suspensionId)))
  }
}

/** Bytes of memory, as measured on real gateways under the same load. */
export const memory = (process: GatewayProcess): number => (750 + 40 * process.active) * 1_048_576

export const load = (gateway: Gateway, process: GatewayProcess): number =>
  Math.min(1, process.active / gateway.options.maxConcurrentRuns)
