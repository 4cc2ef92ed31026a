/**
 * Allocates ports to the gateways of one host. A gateway uses a base port and some ports above it, so base ports lie
 * `step` apart. A file reserves a port, under a lock, among the instances and runner processes that share the
 * directory; any other listener is detected by trying to bind the port.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Option, Schema } from "effect"
import { refusal } from "../../../resources/TcpPorts.ts"
import { InstanceId } from "../../../schema/Ids.ts"
import { StoredIdentity, withFileLock } from "../../../processes/FileLock.ts"
import { identify, isAlive, type ProcessIdentity } from "../../../processes/ProcessIdentity.ts"

export interface PortRange {
  readonly first: number
  /** Inclusive. */
  readonly last: number
  /** At least 20: a gateway uses its base port and more than ten ports above it. */
  readonly step: number
}

export const defaultPortRange: PortRange = { first: 19_100, last: 31_080, step: 20 }

/** The base ports of a range, lowest first. Empty when the range contains none. */
export const basePorts = ({ first, last, step }: PortRange): ReadonlyArray<number> => {
  const spacing = Math.max(20, Math.trunc(step))
  const count = Math.floor((Math.min(last, 65_535) - first) / spacing) + 1
  return Array.from({ length: Math.max(0, count) }, (_, index) => first + index * spacing)
}

/**
 * The ports to try, in order: the instance's previous port, then the others from the lowest. Taken ports are left out.
 */
export const candidates = (
  range: PortRange,
  taken: ReadonlySet<number>,
  preferred: number | undefined
): ReadonlyArray<number> => {
  const free = basePorts(range).filter((port) => !taken.has(port))
  return preferred === undefined || !free.includes(preferred)
    ? free
    : [preferred, ...free.filter((port) => port !== preferred)]
}

const Reservation = Schema.Struct({
  instanceId: InstanceId,
  /** The gateway's guardian, or the runner until the guardian exists. The reservation ends with this process. */
  holder: StoredIdentity
})
const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Reservation))

export interface Ports {
  /**
   * Reserves a base port that no other instance has, held by this process until `handOver` or `release`; undefined when
   * all are taken.
   */
  readonly reserve: (instanceId: InstanceId, preferred: number | undefined) => Effect.Effect<number | undefined>
  readonly handOver: (instanceId: InstanceId, port: number, holder: ProcessIdentity) => Effect.Effect<void>
  readonly release: (instanceId: InstanceId, port: number) => Effect.Effect<void>
}

export const makePorts = (directory: string, range: PortRange): Ports => {
  const file = (port: number) => join(directory, String(port))

  const readReservation = (port: number) => {
    try {
      return Option.getOrUndefined(decode(readFileSync(file(port), "utf8")))
    } catch {
      return undefined
    }
  }

  const writeReservation = (instanceId: InstanceId, port: number, holder: ProcessIdentity) =>
    writeFileSync(file(port), JSON.stringify({ instanceId, holder }), { mode: 0o600 })

  const locked = <A>(use: Effect.Effect<A>): Effect.Effect<A> =>
    Effect.suspend(() => {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      return withFileLock(join(directory, "lock"))(use)
    })

  return {
    reserve: (instanceId, preferred) =>
      locked(
        Effect.gen(function* () {
          const taken = new Set(
            basePorts(range).filter((port) => {
              const reservation = readReservation(port)
              return reservation !== undefined && reservation.instanceId !== instanceId && isAlive(reservation.holder)
            })
          )
          for (const port of candidates(range, taken, preferred)) {
            if (!(yield* isFree(port))) continue
            writeReservation(instanceId, port, identify(process.pid)!)
            return port
          }
          return undefined
        })
      ),
    handOver: (instanceId, port, holder) => locked(Effect.sync(() => writeReservation(instanceId, port, holder))),
    release: (instanceId, port) =>
      locked(
        Effect.sync(() => {
          if (readReservation(port)?.instanceId === instanceId) rmSync(file(port), { force: true })
        })
      )
  }
}

/** Whether nothing listens on the port, on the IPv4 or the IPv6 loopback. */
export const isFree = (port: number): Effect.Effect<boolean> =>
  Effect.map(Effect.all([canBind(port, "127.0.0.1"), canBind(port, "::1")]), ([v4, v6]) => v4 && v6)

const canBind = (port: number, host: string): Effect.Effect<boolean> =>
  Effect.map(refusal(host, port), (code) => code !== "EADDRINUSE")
