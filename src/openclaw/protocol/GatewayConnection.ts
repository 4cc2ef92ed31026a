/**
 * Keeps a session with one gateway while the scope is open: connects, and reconnects after every loss with bounded
 * backoff and jitter. The status is available at any time; while the link is down it has the error of the last loss.
 */
import { Clock, Effect, Option, Random, Ref, Stream, SubscriptionRef } from "effect"
import type { Scope } from "effect"
import * as GatewayMetrics from "../../observability/metrics/GatewayMetrics.ts"
import { isHopeless, retryDelayMillis } from "./Backoff.ts"
import type { DeviceIdentity } from "./DeviceIdentity.ts"
import { deadlineExceeded } from "./GatewayErrors.ts"
import { type GatewayEndpoint, GatewayError, type LinkStatus } from "../GatewayLink.ts"
import { establish, type GatewaySession, type LinkLimits } from "./GatewaySession.ts"

export interface GatewayConnection {
  readonly status: Effect.Effect<LinkStatus>
  readonly statusChanges: Stream.Stream<LinkStatus>
  /** The live session. Waits for one at most `connectMillis`; fails at once when retrying cannot help. */
  readonly session: Effect.Effect<GatewaySession, GatewayError>
}

interface Standing {
  readonly status: LinkStatus
  readonly session: GatewaySession | undefined
}

/**
 * A session of fewer milliseconds does not reset the backoff, so that a gateway which drops the connection at once is
 * not hammered.
 */
const steadyMillis = 5000

export const make = Effect.fnUntraced(function* (
  endpoint: GatewayEndpoint,
  limits: LinkLimits,
  identity: Option.Option<DeviceIdentity>
): Effect.fn.Return<GatewayConnection, never, Scope.Scope> {
  const standing = yield* SubscriptionRef.make<Standing>({
    status: { _tag: "connecting", attempt: 1 },
    session: undefined
  })
  const set = (status: LinkStatus, session?: GatewaySession) => SubscriptionRef.set(standing, { status, session })

  const failures = yield* Ref.make(0)
  const live = Effect.scoped(
    Effect.gen(function* () {
      yield* set({ _tag: "connecting", attempt: (yield* Ref.get(failures)) + 1 })
      const session = yield* establish(endpoint, limits, identity)
      const since = yield* Clock.currentTimeMillis
      yield* set({ _tag: "connected", hello: session.hello }, session)
      return yield* session.lost.pipe(
        Effect.onExit(() =>
          Effect.flatMap(Clock.currentTimeMillis, (now) =>
            now - since >= steadyMillis ? Ref.set(failures, 0) : Effect.void
          )
        )
      )
    })
  )
  const again = Effect.fnUntraced(function* (error: GatewayError) {
    const count = yield* Ref.updateAndGet(failures, (before) => before + 1)
    yield* GatewayMetrics.linkLost(error.reason)
    yield* set({ _tag: "down", error, retrying: !isHopeless(error) })
    yield* Effect.sleep(retryDelayMillis(limits, error, count, yield* Random.next))
  })
  yield* Effect.addFinalizer(() => set({ _tag: "closed" }))
  yield* Effect.forkScoped(Effect.forever(Effect.catch(live, again)))

  return {
    status: Effect.map(SubscriptionRef.get(standing), ({ status }) => status),
    statusChanges: SubscriptionRef.changes(standing).pipe(
      Stream.map(({ status }) => status),
      Stream.takeUntil((status) => status._tag === "closed")
    ),
    session: current(endpoint, limits, standing)
  }
})

const current = (endpoint: GatewayEndpoint, limits: LinkLimits, standing: SubscriptionRef.SubscriptionRef<Standing>) =>
  SubscriptionRef.changes(standing).pipe(
    Stream.filter(isDecided),
    Stream.runHead,
    Effect.flatMap((decided) => {
      const { session, status } = Option.getOrElse(decided, () => closedStanding)
      if (session !== undefined) return Effect.succeed(session)
      return Effect.fail(status._tag === "down" ? status.error : closed(endpoint))
    }),
    Effect.timeoutOrElse({
      duration: limits.connectMillis,
      orElse: () =>
        Effect.flatMap(SubscriptionRef.get(standing), ({ status }) =>
          Effect.fail(
            status._tag === "down"
              ? status.error
              : deadlineExceeded(`Connecting to the gateway at ${endpoint.url}`, limits.connectMillis)
          )
        )
    })
  )

const closedStanding: Standing = { status: { _tag: "closed" }, session: undefined }

/** Whether waiting longer cannot help: connected, closed, or down with an error that retrying cannot fix. */
const isDecided = ({ session, status }: Standing): boolean =>
  session !== undefined || status._tag === "closed" || (status._tag === "down" && !status.retrying)

const closed = (endpoint: GatewayEndpoint): GatewayError =>
  new GatewayError({ reason: "Closed", message: `The link to ${endpoint.url} is closed`, retryable: false })
