/**
 * How a runner takes part in a cluster. The times decide how long keys stay silent: a killed runner is noticed by its
 * closed port at the next probe; a frozen one when its lease runs out; one that stops by SIGTERM hands over at once.
 * What each setting costs:
 *
 * - lease, 6 s: how long a frozen or cut off runner keeps its shards. Shorter, and a runner that stands still for that
 *   long (garbage, disk) loses them; each runner renews four times a lease, with two small statements.
 * - assignments, 100 ms: how late runners and clients learn of a runner that came, went or died; a part of every
 *   failover. One small query each time from each process.
 * - termination, 0.4 s: how long a shard that moves waits for calls under way on it, silent for everybody else. A call
 *   that takes longer is cut off, and its client sends it again under the same id.
 * - sending again, 50 ms, for a call whose shard is moving; ever later when it goes on (RunnersTransport.ts).
 * - the poll, 1 s, only with `messages`: how late a message with a delivery time may be, and one whose notification was
 *   lost. A small query each time from each runner.
 * - the failure detector's round, 400 ms (FailureDetector.ts).
 */
import { Duration, Option } from "effect"
import { RunnerAddress, ShardingConfig } from "effect/cluster"
import { defaultPlacement, type Placement } from "../schema/Ids.ts"

/** Decides which shard an actor is in, so the same for every runner and for ever. */
export const shardsPerGroup = 300

export interface ClusterOptions {
  readonly host: string
  readonly port: number
  /** Where to listen, when that is not where others reach this runner: behind a port forward or a proxy. */
  readonly listen?: { readonly host: string; readonly port: number }
  /** Every placement of the cluster, the same on all of its runners. */
  readonly placements: ReadonlyArray<Placement>
  /** The placements this runner serves. */
  readonly serves: ReadonlyArray<Placement>
  /** A runner that has not renewed its lease for so long has lost its shards. */
  readonly leaseMillis?: number
  /** Actors that one runner keeps in memory. */
  readonly maxResident?: number
  /** An actor that has had nothing to do for so long leaves memory. */
  readonly passivateAfterMillis?: number
  /**
   * Stores the messages of persisted entities, for entities other than actors. Off unless said: it is the same for
   * every process of a cluster.
   */
  readonly messages?: boolean
}

export const leaseMillisDefault = 6_000
export const passivateAfterMillisDefault = 120_000
const terminationTimeout = "400 millis"
const messagePoll = "1 second"

const shared = (placements: ReadonlyArray<Placement>, leaseMillis: number) =>
  ({
    shardsPerGroup,
    availableShardGroups: [...new Set([defaultPlacement, ...placements])],
    shardLockExpiration: Duration.millis(leaseMillis),
    shardLockRefreshInterval: Duration.millis(Math.floor(leaseMillis / 4)),
    refreshAssignmentsInterval: Duration.millis(100),
    runnerHealthCheckInterval: Duration.hours(1),
    entityTerminationTimeout: terminationTimeout,
    sendRetryInterval: Duration.millis(50),
    simulateRemoteSerialization: false
  }) as const

export const runner = (options: ClusterOptions) => {
  const { host, port } = options.listen ?? options
  return ShardingConfig.layer({
    ...shared(options.placements, options.leaseMillis ?? leaseMillisDefault),
    runnerAddress: Option.some(RunnerAddress.make(options.host, options.port)),
    runnerListenAddress: Option.some(RunnerAddress.make(host, port)),
    assignedShardGroups: options.serves,
    entityMailboxCapacity: 8_192,
    entityMaxIdleTime: Duration.millis(options.passivateAfterMillis ?? passivateAfterMillisDefault),
    maxResidentEntities: options.maxResident ?? 100_000,
    ...(options.messages === true ? { entityMessagePollInterval: messagePoll } : {})
  })
}

export const client = (placements: ReadonlyArray<Placement>) =>
  ShardingConfig.layer({
    ...shared(placements, leaseMillisDefault),
    runnerAddress: Option.none(),
    runnerListenAddress: Option.none(),
    assignedShardGroups: []
  })
