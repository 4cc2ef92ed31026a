/**
 * Runs gateways as processes of this host. A gateway outlives its runner: a guardian process is its parent, and the
 * next runner adopts it by its pid file. It does not outlive its owners: without a runner that renews the lease, the
 * guardian ends it.
 */
import { existsSync } from "node:fs"
import { Clock, Effect, Redacted, type Scope } from "effect"
import { GatewayConnector } from "../openclaw/GatewayLink.ts"
import { bounds, cut } from "../schema/text/Bounds.ts"
import type { RegisteredSpec } from "../schema/Instance.ts"
import type { InstanceDriver, InstanceRef, Kept } from "./InstanceDriver.ts"
import { removeDeletedTranscripts } from "./process/files/DeletedTranscripts.ts"
import { exec } from "./process/Exec.ts"
import { environmentOf } from "./process/GatewayEnvironment.ts"
import { driverError, makeLifecycle } from "./process/GatewayLifecycle.ts"
import * as Guardianship from "./process/Guardianship.ts"
import { isLive, isStarted } from "./process/HttpProbe.ts"
import { instanceDirectories } from "./process/files/InstanceDirectories.ts"
import { tailLines } from "./process/files/LogTail.ts"
import type { ProcessDriverOptions } from "./process/ProcessDriverOptions.ts"
import { cpuShare, type ProcessSample, sample } from "./process/ProcessStats.ts"

const exitPollMillis = 250
/**
 * Minimum age of an archive before it is removed: OpenClaw writes an archive at once on deletion, and may still move
 * it.
 */
const archiveKeptMillis = 600_000
const logLinesMax = 10_000

/**
 * The driver of one runner. When the scope closes, it stops renewing the lease of its gateways and applies
 * `onShutdown`.
 */
export const make = Effect.fn("ProcessDriver.make")(function* (
  options: ProcessDriverOptions
): Effect.fn.Return<InstanceDriver, never, GatewayConnector | Scope.Scope> {
  const connector = yield* GatewayConnector
  const samples = new Map<string, ProcessSample>()
  const instances = instanceDirectories(options.directory)
  const { leave, renew, start, stop } = yield* makeLifecycle(options, instances.filesOf)

  const running = Effect.fnUntraced(function* (kept: Kept, incarnation?: string) {
    const found = Guardianship.runningGateway(instances.filesOf(kept))
    if (found !== undefined && (incarnation === undefined || found.incarnation === incarnation)) return found
    return yield* driverError(kept.instanceId, {
      reason: "NotRunning",
      message: "the gateway does not run on this host",
      retryable: true
    })
  })

  return {
    kind: "process",
    start,
    stop: (spec, epoch, { graceMillis }) => stop(spec, epoch, graceMillis),
    renew,
    leave,
    remove: (kept) =>
      Effect.andThen(
        Effect.sync(() => samples.delete(kept.instanceId)),
        instances.remove(kept)
      ),
    kept: instances.kept,
    tidy: (kept) =>
      Clock.currentTimeMillis.pipe(
        Effect.flatMap((now) => removeDeletedTranscripts(instances.filesOf(kept).state, now - archiveKeptMillis)),
        Effect.catch(({ message }) =>
          Effect.logWarning(`Archives of deleted sessions stay for now: ${message}`).pipe(
            Effect.annotateLogs({ instanceId: kept.instanceId })
          )
        ),
        Effect.asVoid
      ),
    awaitExit: Effect.fnUntraced(function* (ref: InstanceRef) {
      const { incarnation } = ref
      const files = instances.filesOf(ref)
      while (Guardianship.isGuarded(files, incarnation)) yield* Effect.sleep(exitPollMillis)
      return driverError(ref.instanceId, Guardianship.meaningOfExit(files, incarnation, true))
    }),
    probe: (ref) =>
      running(ref, ref.incarnation).pipe(
        Effect.flatMap(({ port }) => Effect.all([isLive(port), isStarted(port)], { concurrency: 2 })),
        Effect.map(([live, started]) => ({ live, started, ...probeDetail(live, started) })),
        Effect.catch((error) => Effect.succeed({ live: false, started: false, detail: error.message }))
      ),
    connect: Effect.fnUntraced(function* (spec: RegisteredSpec, ref: InstanceRef) {
      const token = instances.filesOf(spec).readToken()
      if (token !== undefined) {
        const reconnect = spec.supervision?.reconnect
        return yield* connector.connect({
          url: ref.url,
          token: Redacted.make(token),
          ...(reconnect === undefined ? {} : { reconnect })
        })
      }
      return yield* driverError(spec.instanceId, {
        reason: "NotRunning",
        message: "this instance was never started on this host",
        retryable: false
      })
    }),
    logs: (spec, limit) =>
      Effect.sync(() => {
        const files = instances.filesOf(spec)
        const path = existsSync(files.gatewayLog) ? files.gatewayLog : files.consoleLog
        return tailLines(path, Math.min(limit, logLinesMax)).map((line) => cut(line, bounds.logLine))
      }),
    metrics: Effect.fnUntraced(function* (ref: InstanceRef) {
      const { instanceId } = ref
      const { gateway } = yield* running(ref, ref.incarnation)
      const now = sample(gateway)
      if (now === undefined) return {}
      const cpu = cpuShare(now, samples.get(instanceId))
      samples.set(instanceId, now)
      return { rssBytes: now.rssBytes, uptimeMillis: now.uptimeMillis, cpu }
    }),
    exec: Effect.fnUntraced(function* (spec: RegisteredSpec, command: ReadonlyArray<string>, { timeoutMillis }) {
      const files = instances.filesOf(spec)
      yield* running(spec)
      return yield* exec(command, {
        cwd: files.workspace,
        env: environmentOf(files, spec.resourceLimits, process.env, options.environment ?? {}),
        timeoutMillis
      })
    })
  }
})

const probeDetail = (live: boolean, started: boolean): { readonly detail?: string } =>
  started ? {} : { detail: live ? "starting or draining" : "no answer" }
