/**
 * Every runner watches every other, in the store and on the wire.
 *
 * - A peer whose port refuses twice is dead and loses its shards at once.
 * - A silent one keeps them until its lease has run out: it may be slow, and while its lease holds it may answer. Then
 *   it loses them at once if it does not answer a ping either; if it does, it has the store's grace to renew.
 * - A peer that was found dead and keeps its lease is found alive again by whoever gets an answer to a ping. Who
 *   accused it does not do so a second time before it has reached it, so that two that disagree do not toss shards
 *   about.
 *
 * A wrong verdict costs a move, never a stale write: epochs fence the accused.
 */
import { Clock, Duration, Effect, Layer, Option, Schedule } from "effect"
import { RunnerAddress, Runners, RunnerStorage, ShardingConfig } from "effect/cluster"
import { createConnection, type Socket } from "node:net"
import * as OwnershipMetrics from "../../observability/metrics/OwnershipMetrics.ts"
import { callbackWith } from "../../resources/Callback.ts"
import { type Lease, LeaseMonitor } from "./LeaseMonitor.ts"

export interface DetectorOptions {
  /** A killed runner is noticed so much later. Costs one connection to each peer, and one small query, each time. */
  readonly every: Duration.Input
  /** Later than this between two rounds, and the observer doubts itself rather than its peers. */
  readonly lateness: Duration.Input
}

export const defaults: DetectorOptions = { every: "400 millis", lateness: "400 millis" }

export type Verdict = "answers" | "refuses" | "silent"

export type Knock = (host: string, port: number) => Effect.Effect<Verdict>

/** What a peer's port says, without the cluster's own reconnecting client in between. */
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

/** Where the store tells no more than who is alive, leases are its own matter. */
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

      /** Not waited for: the verdict is there when the lease runs out. */
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
       * A runner may come back at another address each time, so what is remembered of one ends with its row in the
       * store.
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
