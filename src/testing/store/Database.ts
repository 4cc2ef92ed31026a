/**
 * The virtual PostgreSQL: one machine that all runners share. A statement travels there over the network, takes effect
 * at one moment, and its reply travels back over the network. The caller may have died by then or may never receive the
 * reply; the statement has taken effect all the same. Rows are JSON, as stored.
 */
import { Effect, Schema } from "effect"
import type { Commit, EncodedAnswer } from "../../actor/Journal.ts"
import * as MemoryJournal from "../../actor/memory/MemoryJournal.ts"
import type { HistoryRow } from "../checks/History.ts"
import type { Host } from "../world/Host.ts"
import type { Network } from "../world/Network.ts"
import type { Prng } from "../world/Prng.ts"
import { FaultTrigger } from "../world/FaultTrigger.ts"
import type { World } from "../world/World.ts"

/** The name of the store's machine on the network. */
export const databaseNode = "store"

export class DatabaseFailed extends Schema.TaggedError<DatabaseFailed>()("DatabaseFailed", {
  message: Schema.String
}) {}

export type StoreTrouble = "slow" | "refuse" | "lose-reply" | "down" | "full"

/** A temporary fault of the store, for one machine or for all. */
export interface StoreCondition {
  readonly trouble: StoreTrouble
  /** Probability per statement. Drawn faults use 1 for `down` and `full`. */
  readonly probability: number
  readonly from?: string | undefined
  readonly seen: () => void
}

/** Bugs planted in the store, to verify that a check detects them. */
export interface StorePlant {
  /** A write under an old epoch is not refused. */
  readonly withoutFence?: boolean
  /** A sequence number or a request id may be written twice. */
  readonly withoutUniqueness?: boolean
}

/** A journal row as the store has it. */
export interface StoredRow extends HistoryRow {
  readonly granted: number
  /** Virtual milliseconds at which it was committed. */
  readonly committedAt: number
  readonly command: string
  readonly answer: EncodedAnswer | null
}

export interface ShardRow {
  owner: string | null
  epoch: number
}

export interface RunnerRow {
  readonly machineId: number
  runner: string
  healthy: boolean
  /** Virtual milliseconds. */
  leaseUntil: number
  readonly leaseMillis: number
}

type Kind = "read" | "write"

const workMillis: Record<Kind, readonly [low: number, high: number]> = { read: [0.1, 0.8], write: [0.3, 2.5] }
const slowMillis = [50, 3_000] as const

export class Database {
  readonly store = MemoryJournal.MemoryStore.make()
  /** Resources as JSON, by key. */
  readonly resources = new Map<string, string>()
  readonly shards = new Map<string, ShardRow>()
  readonly runners = new Map<string, RunnerRow>()
  /** All committed rows, in commit order. */
  readonly history: Array<StoredRow> = []
  readonly conditions = new Set<StoreCondition>()
  readonly plant: StorePlant
  /** Virtual milliseconds at which the server was last started. */
  startedAt = -Infinity
  statements = 0
  machines = 0
  readonly #world: World
  readonly #network: Network
  readonly #random: Prng
  readonly #strikes: FaultTrigger

  constructor(world: World, network: Network, plant: StorePlant) {
    this.#world = world
    this.#network = network
    this.#random = world.random.fork("store")
    this.#strikes = new FaultTrigger(this.#random)
    this.plant = plant
  }

  get now(): number {
    return this.#world.now
  }

  statement<A>(host: Host, kind: Kind, label: string, run: () => A): Effect.Effect<A, DatabaseFailed> {
    return Effect.callback((resume) => {
      let heard = true
      const answer = (result: Effect.Effect<A, DatabaseFailed>) => {
        this.#network.send(databaseNode, host.name, {
          label: `answer ${label}`,
          arrive: () => host.deliver("io", () => heard && resume(result))
        })
      }
      this.#network.send(host.name, databaseNode, {
        label,
        arrive: () => this.#world.after(this.#work(host, kind), () => this.#execute(host, kind, run, answer))
      })
      return Effect.sync(() => {
        heard = false
      })
    })
  }

  commit(commit: Commit): void {
    const { address, entries, epoch } = commit
    MemoryJournal.apply(this.store, commit)
    for (const { answer, at, command, events, requestId, seq } of entries) {
      this.history.push({
        ...address,
        epoch,
        seq,
        requestId,
        command,
        answer,
        at,
        events: events as StoredRow["events"],
        granted: this.store.epochs.get(address.shardId) ?? 0,
        committedAt: this.now
      })
    }
  }

  #execute<A>(host: Host, kind: Kind, run: () => A, answer: (result: Effect.Effect<A, DatabaseFailed>) => void): void {
    this.statements++
    const refused =
      this.#strike(host, "down") ??
      (kind === "write" ? this.#strike(host, "full") : undefined) ??
      this.#strike(host, "refuse")
    if (refused !== undefined) return answer(Effect.fail(failed(`the store refuses: ${refused}`)))
    try {
      const value = run()
      const lost = this.#strike(host, "lose-reply")
      answer(lost === undefined ? Effect.succeed(value) : Effect.fail(failed("the connection broke before the answer")))
    } catch (error) {
      answer(error instanceof DatabaseFailed ? Effect.fail(error) : Effect.die(error))
    }
  }

  #work(host: Host, kind: Kind): number {
    const base = this.#random.between(...workMillis[kind])
    return this.#strike(host, "slow") === undefined ? base : base + this.#random.between(...slowMillis)
  }

  #strike(host: Host, trouble: StoreTrouble): StoreTrouble | undefined {
    for (const condition of this.conditions) {
      if (condition.trouble !== trouble) continue
      if (condition.from !== undefined && condition.from !== host.name) continue
      if (condition.probability < 1 && !this.#strikes.by(condition, condition.probability)) continue
      condition.seen()
      return trouble
    }
    return undefined
  }
}

export const failed = (message: string) => new DatabaseFailed({ message })
