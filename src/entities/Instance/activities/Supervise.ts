/**
 * Supervises one gateway: starts or adopts it, links to it, and reports what happens to it until it is no longer
 * wanted. It decides nothing: the actor decides whether and when to restart.
 */
import { Clock, Effect, HashMap, Schedule, type Scope } from "effect"
import {
  type DriverError,
  type InstanceDriver,
  InstanceDrivers,
  type InstanceRef
} from "../../../instances/InstanceDriver.ts"
import type { GatewayError } from "../../../openclaw/GatewayLink.ts"
import type { RegisteredSpec } from "../../../schema/Instance.ts"
import { Heartbeats } from "../../../ports/runners/Heartbeats.ts"
import { StoredFormats } from "../../../ports/runners/StoredFormats.ts"
import { mayRun, mayRunFromBefore } from "../board/UnderWay.ts"
import { awayLong, recallWait, stopGrace } from "../InstancePolicy.ts"
import { registeredSpec } from "../InstanceState.ts"
import type { LinkPost } from "./LinkRegistry.ts"
import type { InstanceSelf } from "./RunAttempt.ts"
import { sendKeys } from "./RunInterventions.ts"
import { tidySessions } from "./TidySessions.ts"
import { watchHealth } from "./WatchHealth.ts"
import { watchShare } from "./WatchShare.ts"

export const supervise = Effect.fnUntraced(function* (start: number, self: InstanceSelf, post: LinkPost) {
  const { record, runs } = yield* self.state
  if (record === undefined || record.start !== start) return
  post.keep(new Set([...sendKeys(HashMap.values(runs)), ...post.board.attempts.runs.keys()]))
  const heartbeats = yield* Heartbeats
  if (yield* heartbeats.isRetired(self.entityId)) return yield* retire(start, self)
  yield* Effect.forkScoped(watchShare(start, self))
  const wasAway = ((yield* heartbeats.silentMillis(self.entityId)) ?? 0) >= awayLong
  if (wasAway && mayRunFromBefore(yield* self.state, self.epoch, post.board)) yield* Effect.sleep(recallWait)
  yield* keep(start, registeredSpec(record), record.fresh, self, post).pipe(
    Effect.catchTag("DriverError", (error) =>
      error.reason === "StaleOwner"
        ? Effect.never
        : self.report({ _tag: "StartFailed", start, reason: describe(error), retryable: error.retryable })
    ),
    Effect.catchTag("GatewayError", (error) =>
      self.report({ _tag: "StartFailed", start, reason: describe(error), retryable: mayPass(error) })
    ),
    Effect.andThen(Effect.never)
  )
})

/** Reports that the instance was deregistered while no runner owned it. */
const retire = (start: number, self: InstanceSelf) =>
  Effect.andThen(self.report({ _tag: "Retired", start }), Effect.never)

const keep = Effect.fnUntraced(function* (
  start: number,
  spec: RegisteredSpec,
  fresh: boolean,
  self: InstanceSelf,
  post: LinkPost
): Effect.fn.Return<void, DriverError | GatewayError, Scope.Scope | InstanceDrivers> {
  const driver = yield* Effect.flatMap(InstanceDrivers, (drivers) => drivers.get(spec))
  yield* hold(driver, spec, self, post)
  if (fresh) yield* Effect.ignore(driver.stop(spec, self.epoch, { graceMillis: stopGrace }))
  const ref = yield* driver.start(spec, self.epoch)
  yield* Effect.annotateLogs(Effect.logInfo(ref.adopted ? "Gateway adopted" : "Gateway started"), {
    instanceId: spec.instanceId,
    incarnation: ref.incarnation
  })
  yield* self.report({ _tag: "Started", start, ref })
  yield* Effect.raceFirst(exited(driver, ref, start, self), linked(driver, spec, ref, start, self, post))
})

/** Keeps the gateway for as long as this runner is its owner, and after that only when nothing runs there. */
const hold = Effect.fnUntraced(function* (
  driver: InstanceDriver,
  spec: RegisteredSpec,
  self: InstanceSelf,
  post: LinkPost
) {
  const isIdle = Effect.map(self.state, (state) => !mayRun(state, post.board))
  const renew = driver.renew(spec, self.epoch)
  yield* Effect.addFinalizer(() =>
    Effect.flatMap(isIdle, (idle) => (idle ? driver.leave(spec, self.epoch) : Effect.void))
  )
  yield* (yield* Heartbeats).hold({ entityId: self.entityId, epoch: self.epoch, renew, isIdle })
})

const exited = (driver: InstanceDriver, ref: InstanceRef, start: number, self: InstanceSelf) =>
  driver.awaitExit(ref).pipe(
    Effect.tap((why) => Effect.annotateLogs(Effect.logWarning("Gateway gone", why), { instanceId: ref.instanceId })),
    Effect.flatMap((why) => self.report({ _tag: "Exited", start, reason: describe(why) }))
  )

const linked = Effect.fnUntraced(function* (
  driver: InstanceDriver,
  spec: RegisteredSpec,
  ref: InstanceRef,
  start: number,
  self: InstanceSelf,
  post: LinkPost
) {
  const link = yield* driver.connect(spec, ref)
  const { bootId, version } = yield* link.ready
  yield* post.show(link)
  yield* self.report({ _tag: "Ready", start, bootId, version })
  yield* Effect.forkScoped(openSlots(start, self))
  const retired = yield* (yield* Heartbeats).keep(self.entityId, self.epoch)
  yield* Effect.forkScoped(tidySessions({ driver, link, post, self, spec }))
  const watch = watchHealth({
    board: post.board,
    driver,
    link,
    ref,
    start,
    self,
    since: yield* Clock.currentTimeMillis
  })
  return yield* Effect.raceFirst(watch, Effect.andThen(retired, retire(start, self)))
})

const openSlots = Effect.fnUntraced(function* (start: number, self: InstanceSelf) {
  if ((yield* self.state).record?.grantsSlots === true) return
  yield* (yield* StoredFormats).readByAll
  yield* self.report({ _tag: "SlotsOpened", start })
})

/** The reason comes first, since operators and tests branch on it. */
const describe = (error: DriverError | GatewayError): string =>
  "exitCode" in error && error.exitCode !== undefined
    ? `${error.reason}: ${error.message} (exit code ${error.exitCode})`
    : `${error.reason}: ${error.message}`

/** Whether the error may pass. A gateway that refuses us keeps refusing; every other error may pass. */
const mayPass = ({ reason }: GatewayError): boolean =>
  reason !== "AuthenticationFailed" &&
  reason !== "PairingRequired" &&
  reason !== "ProtocolMismatch" &&
  reason !== "MissingScope"

/**
 * Pause before the stop is repeated. After reporting the result the activity keeps looping: the actor can leave and
 * re-enter `stopping` within one commit, in which case this same activity is still required.
 */
const stopPause = "5 seconds"

/**
 * Stops the gateway and reports the result, again and again for as long as the actor waits for it. Retryable errors are
 * retried before they are reported.
 */
export const stopGateway = Effect.fnUntraced(function* (start: number, self: InstanceSelf) {
  while ((yield* self.state).record !== undefined) {
    const stopped = yield* cleanUp(self)
    if (stopped?.reason === "StaleOwner") return yield* Effect.never
    yield* self.report(
      stopped === undefined ? { _tag: "Stopped", start } : { _tag: "StopFailed", start, reason: describe(stopped) }
    )
    yield* Effect.sleep(stopPause)
  }
})

/**
 * Stops what is left of a gateway, every 30 s for as long as the error is retryable: it would keep running
 * unsupervised.
 */
export const keepClean = Effect.fnUntraced(function* (start: number, self: InstanceSelf) {
  yield* cleanUp(self).pipe(
    Effect.repeat({ while: (error) => error?.retryable === true, schedule: Schedule.spaced("30 seconds") })
  )
  if (yield* (yield* Heartbeats).isRetired(self.entityId)) yield* retire(start, self)
})

const stopTries = 5

/** Stops what may be left of the gateway, in up to five tries. Undefined when nothing is left. */
const cleanUp = Effect.fnUntraced(function* (
  self: InstanceSelf
): Effect.fn.Return<DriverError | undefined, never, InstanceDrivers> {
  const { record } = yield* self.state
  if (record === undefined) return undefined
  const spec = registeredSpec(record)
  return yield* Effect.flatMap(InstanceDrivers, (drivers) => drivers.get(spec)).pipe(
    Effect.flatMap((driver) => driver.stop(spec, self.epoch, { graceMillis: stopGrace })),
    Effect.tapError((error) => (error.retryable ? Effect.sleep("2 seconds") : Effect.void)),
    Effect.retry({ times: stopTries - 1, while: ({ retryable }) => retryable }),
    Effect.match({ onSuccess: () => undefined, onFailure: (error) => error })
  )
})
