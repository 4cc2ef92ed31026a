/**
 * Every runner watches every other runner, in the store and over the network.
 *
 * - A peer whose port refuses two connections in a row is dead and loses its shards at once.
 * - A silent peer keeps its shards until its lease has expired: it may be slow, and while its lease holds it may
 *   answer. After that it loses them at once if it does not answer a ping either; if it does answer, it has the store's
 *   grace period to renew.
 * - A runner marked dead that still holds its lease is reinstated by the first peer whose ping succeeds. A runner does
 *   not accuse the same peer again until it has itself reached it, so two observers that disagree cannot make shards
 *   flap.
 *
 * A wrong verdict costs a move, never a stale write: epochs fence the accused runner.
 */
import { Clock, Duration, Effect, Layer, Option, Schedule } from "effect"
import { RunnerAddress, Runners, RunnerStorage, ShardingConfig } from "effect/cluster"
import { createConnection, type Socket } from "node:net"
import * as OwnershipMetrics from "../../observability/metrics/OwnershipMetrics.ts"
import { callbackWith } from "../../resources/Callback.ts"
import { type Lease, LeaseMonitor } from "./LeaseMonitor.ts"

export interface DetectorOptions {
  /**
   * Interval between checks, which is the delay until a killed runner is noticed. Each check costs one connection to
   * each peer, and one small query.
   */
  readonly every: Duration.Input
  /**
   * When a check starts later than this after it was due, the observer doubts itself rather than its peers and skips
   * the check.
   */
  readonly lateness: Duration.Input
}

export const defaults: DetectorOptions = { every: "400 millis", lateness: "400 millis" }

export type Verdict = "answers" | "refuses" | "silent"

export type Knock = (host: string, port: number) => Effect.Effect<Verdict>

/**
 * Probes a peer's port directly, without the cluster's own reconnecting client in between. A peer that has not answered
 * after 1 s is silent.
 */
export const knockByTcp: Knock = (host, port) =>
  callbackWith<Socket, Verdict>(
    (resume) => {
      const socket = createConnection({ host, port })
      socket.once("connect", () => resume(Effect.succeed("answers")))
      socket.on("error", (error: NodeJS.ErrnoException) =>
        resume(Effect.succeed(error.code === "ECONNREFUSED" || error.code === "ECONNRESET" ? "refuses" : "silent"))
      )
      return socket
    },
    (socket) => socket.destroy()
  ).pipe(
    Effect.timeoutOption("1 second"),
    Effect.map((verdict) => (verdict._tag === "Some" ? verdict.value : "silent"))
  )

const knockAgainAfter = "100 millis"
const pingTimeout = "1 second"

const addressOf = ({ address }: Lease): RunnerAddress.RunnerAddress => {
  const at = address.lastIndexOf(":")
  return RunnerAddress.make(address.slice(0, at), Number(address.slice(at + 1)))
}

/** Leases of a store that reports only which runners are alive: each lease counts as kept. */
const leasesOf = (storage: RunnerStorage.RunnerStorage["Service"]) =>
  Effect.map(storage.getRunners, (runners) =>
    runners.map(([{ address }, healthy]): Lease => ({
      address: `${address.host}:${address.port}`,
      healthy,
      state: "kept"
    }))
  )

export const layer = (options: DetectorOptions = defaults, knock: Knock = knockByTcp) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const config = yield* ShardingConfig.ShardingConfig
      const storage = yield* RunnerStorage.RunnerStorage
      const runners = yield* Runners.Runners
      const watch = Option.getOrUndefined(yield* Effect.serviceOption(LeaseMonitor))
      const leases = watch?.leases ?? leasesOf(storage)
      if (config.runnerAddress._tag === "None") return
      const self = `${config.runnerAddress.value.host}:${config.runnerAddress.value.port}`
      const everyMillis = Duration.toMillis(Duration.fromInputUnsafe(options.every))
      const latenessMillis = Duration.toMillis(Duration.fromInputUnsafe(options.lateness))
      let expectedAt = (yield* Clock.currentTimeMillis) + everyMillis
      const accused = new Set<string>()
      const silent = new Map<string, boolean>()

      const knockAt = Effect.fnUntraced(function* (peer: Lease) {
        const { host, port } = addressOf(peer)
        const verdict = yield* knock(host, port)
        if (verdict === "answers") accused.delete(peer.address)
        if (verdict !== "refuses" || accused.has(peer.address)) return
        yield* Effect.sleep(knockAgainAfter)
        if ((yield* knock(host, port)) !== "refuses") return
        accused.add(peer.address)
        yield* Effect.logWarning("A runner is gone: its port refuses").pipe(
          Effect.annotateLogs({ runner: peer.address })
        )
        yield* storage.setRunnerHealth(addressOf(peer), false)
        yield* OwnershipMetrics.runnerLost("refused")
      })

      const isSilent = (peer: Lease) =>
        runners.ping(addressOf(peer)).pipe(
          Effect.timeoutOption(pingTimeout),
          Effect.map(Option.isNone),
          Effect.orElseSucceed(() => true)
        )

      /** Runs in the background: the verdict is there when the lease expires. */
      const ping = (peer: Lease) =>
        Effect.forkScoped(Effect.map(isSilent(peer), (verdict) => void silent.set(peer.address, verdict)))

      const reinstate = Effect.fnUntraced(function* (peer: Lease) {
        if (yield* isSilent(peer)) return
        accused.delete(peer.address)
        yield* storage.setRunnerHealth(addressOf(peer), true)
      })

      const disown = Effect.fnUntraced(function* (peer: Lease) {
        if (watch === undefined || silent.get(peer.address) !== true) return
        yield* Effect.logWarning("A runner is gone: its lease ran out and it is silent").pipe(
          Effect.annotateLogs({ runner: peer.address })
        )
        yield* watch.disown(peer.address)
        yield* OwnershipMetrics.runnerLost("expired")
      })

      const check = (peer: Lease) => {
        if (!peer.healthy) return reinstate(peer)
        switch (peer.state) {
          case "kept":
            silent.delete(peer.address)
            return knockAt(peer)
          case "late":
            return Effect.andThen(ping(peer), knockAt(peer))
          case "lapsed":
            return Effect.andThen(disown(peer), ping(peer))
        }
      }

      /**
       * Forgets runners that have no row in the store any more, since a runner may come back at another address each
       * time.
       */
      const forget = (known: ReadonlySet<string>) => {
        for (const address of accused) if (!known.has(address)) accused.delete(address)
        for (const address of silent.keys()) if (!known.has(address)) silent.delete(address)
      }

      const round = Effect.gen(function* () {
        if ((yield* Clock.currentTimeMillis) - expectedAt > latenessMillis) return
        const known = yield* leases
        forget(new Set(known.map(({ address }) => address)))
        const peers = known.filter(({ address, healthy, state }) => address !== self && (healthy || state !== "lapsed"))
        yield* Effect.forEach(peers, check, { concurrency: 16, discard: true })
      })
      yield* round.pipe(
        Effect.catchCause((cause) => Effect.logDebug("The failure detector could not look", cause)),
        Effect.andThen(Clock.currentTimeMillis),
        Effect.tap((now) => Effect.sync(() => void (expectedAt = now + everyMillis))),
        Effect.repeat(Schedule.spaced(options.every)),
        Effect.forkScoped
      )
    })
  )
