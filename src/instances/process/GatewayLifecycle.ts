/**
 * Starts and stops gateway processes on behalf of owners with an epoch. Locks are held only briefly, never while a
 * gateway starts or drains: a later owner can take over in between, and the earlier owner is then refused at its next
 * step and changes nothing more.
 */
import { randomBytes, randomUUID } from "node:crypto"
import { join } from "node:path"
import { Effect, Result, type Scope, Semaphore } from "effect"
import { type ConfigObject, gatewayConfig, mergeConfig } from "../../openclaw/GatewayConfig.ts"
import type { InstanceId } from "../../schema/Ids.ts"
import type { InstanceSpec, RegisteredSpec } from "../../schema/Instance.ts"
import { DriverError, type InstanceRef, type Kept } from "../InstanceDriver.ts"
import type { ExitMeaning } from "./ExitCodes.ts"
import { environmentOf } from "./GatewayEnvironment.ts"
import * as Guardianship from "./Guardianship.ts"
import { type Command, launchCommands } from "./Launcher.ts"
import * as DirectoryOwnership from "./files/DirectoryOwnership.ts"
import type { InstanceFiles, Launch, PidFile } from "./files/InstanceFiles.ts"
import { defaultPortRange, makePorts } from "./files/PortRange.ts"
import { defaultProcessOptions, type ProcessDriverOptions } from "./ProcessDriverOptions.ts"
import { isAlive } from "../../processes/ProcessIdentity.ts"

export interface GatewayLifecycle {
  readonly start: (spec: RegisteredSpec, epoch: number) => Effect.Effect<InstanceRef, DriverError>
  readonly stop: (kept: Kept, epoch: number, graceMillis: number) => Effect.Effect<void, DriverError>
  readonly renew: (kept: Kept, epoch: number) => Effect.Effect<void>
  readonly leave: (kept: Kept, epoch: number) => Effect.Effect<void>
}

/** From SIGTERM to SIGKILL of a gateway that no runner keeps. */
const orphanKillMillis = 2_000
/** For the guardian's checks, and its delays on a busy machine. */
const guardianSlackMillis = 2_000

export const makeLifecycle = Effect.fnUntraced(function* (
  given: ProcessDriverOptions,
  filesOf: (kept: Kept) => InstanceFiles
): Effect.fn.Return<GatewayLifecycle, never, Scope.Scope> {
  const options = { ...defaultProcessOptions, ...given }
  const ownership = yield* DirectoryOwnership.make(options.orphanAfterMillis)
  const ports = makePorts(join(options.directory, "ports"), options.ports ?? defaultPortRange)
  const starting = yield* Semaphore.make(options.startConcurrency)

  const claimOf = ({ instanceId, registration }: Kept, epoch: number): DirectoryOwnership.Claim => ({
    instanceId,
    ...(registration === undefined ? {} : { registration }),
    files: filesOf({ instanceId, ...(registration === undefined ? {} : { registration }) }),
    epoch
  })

  const end = Effect.fnUntraced(function* (claim: DirectoryOwnership.Claim, running: PidFile, graceMillis: number) {
    const asOwner = <A>(use: Effect.Effect<A>) => ownership.as(claim, use)
    if (!(yield* Guardianship.end(claim.files, running, graceMillis, asOwner))) {
      return yield* driverError(claim.instanceId, {
        reason: "LaunchFailed",
        message: `process ${running.gateway.pid} did not end on SIGKILL`,
        retryable: true
      })
    }
    yield* asOwner(Effect.sync(() => claim.files.removePidFile(running.incarnation)))
    yield* ports.release(claim.instanceId, running.port)
  })

  const awaitStarted = Effect.fnUntraced(function* (
    claim: DirectoryOwnership.Claim,
    running: PidFile,
    timeoutMillis: number
  ) {
    const started = yield* Guardianship.awaitStarted(claim.files, running, timeoutMillis)
    if (Result.isFailure(started)) return yield* driverError(claim.instanceId, started.failure)
    yield* ownership.as(claim, Effect.void)
  })

  const reservePort = Effect.fnUntraced(function* ({ files, instanceId }: DirectoryOwnership.Claim) {
    const port = yield* ports.reserve(instanceId, files.launch?.port)
    if (port !== undefined) return port
    return yield* driverError(instanceId, {
      reason: "PortInUse",
      message: "every port of the range is taken; widen the range or stop an instance",
      retryable: true
    })
  })

  const launchOf = (spec: InstanceSpec, files: InstanceFiles, port: number, command: Command): Launch => ({
    incarnation: randomUUID(),
    command: [...command],
    cwd: files.workspace,
    env: environmentOf(files, spec.resourceLimits, process.env, options.environment),
    consoleLog: files.consoleLog,
    port,
    orphanAfterMillis: options.orphanAfterMillis,
    killAfterMillis: orphanKillMillis
  })

  const launchOn = Effect.fnUntraced(function* (
    spec: InstanceSpec,
    claim: DirectoryOwnership.Claim,
    port: number,
    command: Command
  ) {
    yield* writing(claim, () => writeConfig(spec, claim.files, port, given))
    yield* ownership.take(claim)
    const launched = yield* Guardianship.launch(claim.files, launchOf(spec, claim.files, port, command))
    if (Result.isFailure(launched)) return yield* driverError(claim.instanceId, launched.failure)
    return launched.success
  })

  const launch = Effect.fnUntraced(function* (spec: InstanceSpec, claim: DirectoryOwnership.Claim, command: Command) {
    const port = yield* reservePort(claim)
    const running = yield* ownership
      .as(claim, launchOn(spec, claim, port, command))
      .pipe(Effect.onError(() => ports.release(claim.instanceId, port)))
    yield* ports.handOver(claim.instanceId, port, running.guardian)
    return running
  })

  /** A start that fails or is interrupted ends its gateway, unless a later owner has taken the instance over. */
  const launchAndAwait = (
    spec: InstanceSpec,
    claim: DirectoryOwnership.Claim,
    command: Command,
    timeoutMillis: number
  ): Effect.Effect<InstanceRef, DriverError> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(launch(spec, claim, command), (running) =>
        restore(awaitStarted(claim, running, timeoutMillis)).pipe(
          Effect.onError(() => Effect.ignore(end(claim, running, 0))),
          Effect.as(refOf(claim, running, false))
        )
      )
    )

  const startupMillisOf = ({ supervision }: InstanceSpec): number =>
    supervision?.startupMillis ?? options.startupTimeoutMillis

  /**
   * Tries the commands in order until one starts a gateway. Only `LaunchFailed` and `StartupTimeout` lead to the next
   * command: a refused configuration or a taken port ends the search.
   */
  const launchFirst = Effect.fnUntraced(function* (spec: InstanceSpec, claim: DirectoryOwnership.Claim) {
    const commands = launchCommands({ path: process.env.PATH ?? "", ...options.launcher })
    let failure = driverError(spec.instanceId, {
      reason: "LaunchFailed",
      message: "no launcher was found: install OpenClaw, or configure the command that starts a gateway",
      retryable: false
    })
    for (const [index, command] of commands.entries()) {
      const last = index === commands.length - 1
      const timeoutMillis = last ? startupMillisOf(spec) : options.variantWindowMillis
      const result = yield* Effect.result(launchAndAwait(spec, claim, command, timeoutMillis))
      if (Result.isSuccess(result)) return result.success
      failure = result.failure
      if (failure.reason !== "LaunchFailed" && failure.reason !== "StartupTimeout") break
    }
    return yield* failure
  })

  /** Adopts the running gateway. A gateway that is stopping, or has lost its guardian, is ended instead. */
  const adopt = Effect.fnUntraced(function* (spec: InstanceSpec, claim: DirectoryOwnership.Claim) {
    const { files } = claim
    const found = files.pidFile
    if (found === undefined || !isAlive(found.gateway)) return undefined
    if (Guardianship.runningGateway(files) === undefined || files.stopping) {
      yield* end(claim, found, options.shutdownGraceMillis)
      return undefined
    }
    yield* ownership.as(claim, ownership.take(claim))
    yield* awaitStarted(claim, found, startupMillisOf(spec)).pipe(
      Effect.tapError(() => Effect.ignore(end(claim, found, 0)))
    )
    return refOf(claim, found, true)
  })

  const start = Effect.fn("ProcessDriver.start")(function* (spec: RegisteredSpec, epoch: number) {
    const claimed = claimOf(spec, epoch)
    yield* writing(claimed, () => claimed.files.makeDirectories())
    yield* ownership.as(claimed, Effect.void)
    const adopted = yield* adopt(spec, claimed)
    return adopted ?? (yield* starting.withPermit(launchFirst(spec, claimed)))
  })

  const stop = Effect.fn("ProcessDriver.stop")(function* (kept: Kept, epoch: number, graceMillis: number) {
    const claimed = claimOf(kept, epoch)
    const { files, instanceId } = claimed
    yield* writing(claimed, () => files.makeDirectories())
    const running = yield* ownership.as(
      claimed,
      Effect.sync(() => {
        const found = files.pidFile
        if (found === undefined || !isAlive(found.gateway)) return undefined
        files.markStopping()
        return found
      })
    )
    if (running !== undefined) yield* end(claimed, running, graceMillis)
    yield* ownership.drop(instanceId)
  })

  if (options.onShutdown === "stop") {
    yield* Effect.addFinalizer(() =>
      Effect.flatMap(ownership.owned, (owned) =>
        Effect.forEach(owned, (claim) => Effect.ignore(stop(claim, claim.epoch, options.shutdownGraceMillis)), {
          concurrency: "unbounded",
          discard: true
        })
      )
    )
  }
  return {
    start,
    stop,
    renew: ({ instanceId }, epoch) => ownership.renew(instanceId, epoch),
    leave: ({ instanceId }, epoch) => ownership.leave(instanceId, epoch)
  }
})

export const driverError = (
  instanceId: InstanceId,
  meaning: ExitMeaning & { readonly exitCode?: number }
): DriverError => new DriverError({ instanceId, ...meaning })

/** By the launch, since an adopted gateway keeps the times that its guardian was given. */
const lifelineOf = ({ launch }: InstanceFiles): Pick<InstanceRef, "lifelineMillis"> =>
  launch === undefined
    ? {}
    : { lifelineMillis: launch.orphanAfterMillis + launch.killAfterMillis + guardianSlackMillis }

const refOf = (
  { files, instanceId, registration }: DirectoryOwnership.Claim,
  running: PidFile,
  adopted: boolean
): InstanceRef => ({
  instanceId,
  ...(registration === undefined ? {} : { registration }),
  url: `ws://127.0.0.1:${running.port}/`,
  incarnation: running.incarnation,
  adopted,
  pid: running.gateway.pid,
  ...lifelineOf(files)
})

const writing = <A>({ files, instanceId }: DirectoryOwnership.Claim, write: () => A): Effect.Effect<A, DriverError> =>
  Effect.try({
    try: write,
    catch: (cause) =>
      driverError(instanceId, {
        reason: "LaunchFailed",
        message: `cannot write to ${files.directory}: ${cause instanceof Error ? cause.message : "unknown"}`,
        retryable: true
      })
  })

const writeConfig = (
  spec: InstanceSpec,
  files: InstanceFiles,
  port: number,
  { config, model }: ProcessDriverOptions
): void => {
  const own = spec.gatewayConfig
  const base = isObject(own) ? mergeConfig(config ?? {}, own) : config
  files.writeConfig(
    gatewayConfig({
      port,
      token: files.token(() => randomBytes(32).toString("hex")),
      workspace: files.workspace,
      logFile: files.gatewayLog,
      maxConcurrent: spec.maxConcurrentTasks,
      ...(model === undefined ? {} : { model }),
      ...(base === undefined ? {} : { base })
    })
  )
}

const isObject = (value: unknown): value is ConfigObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)
