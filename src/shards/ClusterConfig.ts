/**
 * How a runner takes part in a cluster. The timings decide how long actors are unavailable after a failure: peers
 * notice a killed runner at the next probe because its port refuses; a frozen runner when its lease expires; a runner
 * that is stopped by SIGTERM hands over at once. The trade-off of each setting:
 *
 * - lease, 6 s: how long a frozen or disconnected runner keeps its shards. With a shorter lease, a runner that stalls
 *   for that long (garbage collection, disk) loses its shards; each runner renews four times per lease, with two small
 *   statements each time.
 * - assignments, 100 ms: the delay until runners and clients learn that a runner has joined, left or died, which is a
 *   part of every failover. It costs one small query per interval from each process.
 * - termination, 0.4 s: how long a moving shard waits for its calls in flight; it is unavailable to all other callers
 *   meanwhile. A call that takes longer is cancelled, and its client sends it again under the same request id.
 * - retry, 50 ms: the interval at which a call whose shard is moving is sent again; RunnersTransport.ts backs off when
 *   the move goes on.
 * - poll, 1 s, only with `messages`: the maximum delay of a message with a delivery time, and of a message whose
 *   notification was lost. It costs one small query per interval from each runner.
 * - failure detector, 400 ms: the interval between its checks (FailureDetector.ts).
 */
import { Duration, Option } from "effect"
import { RunnerAddress, ShardingConfig } from "effect/cluster"
import type { Placement } from "../schema/Ids.ts"

/** Determines which shard an actor is in, so it must be the same on every runner and must never change. */
export const shardsPerGroup = 300

export interface ClusterOptions {
  readonly host: string
  readonly port: number
  /**
   * Address to listen on when it differs from the address at which peers reach this runner: behind a port forward or a
   * proxy.
   */
  readonly listen?: { readonly host: string; readonly port: number }
  /**
   * The placements this runner serves. They are in its registration, from which every other process learns them:
   * nothing needs to be told of them beforehand, and what else the cluster serves need not be known here.
   */
  readonly serves: ReadonlyArray<Placement>
  /** Lease duration: a runner that does not renew its lease within this time loses its shards. Default: 6,000. */
  readonly leaseMillis?: number
  /** Maximum number of actors that one runner keeps in memory. Default: 100,000. */
  readonly maxResident?: number
  /** Idle time after which an actor is passivated. Default: 120,000. */
  readonly passivateAfterMillis?: number
  /**
   * Enables message storage for persisted entities other than Clawster's actors. Off by default; must be the same in
   * every process of a cluster.
   */
  readonly messages?: boolean
}

export const leaseMillisDefault = 6_000
export const passivateAfterMillisDefault = 120_000
const terminationTimeout = "400 millis"
const messagePoll = "1 second"

const shared = (serves: ReadonlyArray<Placement>, leaseMillis: number) =>
  ({
    shardsPerGroup,
    // The module uses this list to check the next one only. Shards are assigned by what runners have registered.
    availableShardGroups: serves,
    assignedShardGroups: serves,
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
    ...shared(options.serves, options.leaseMillis ?? leaseMillisDefault),
    runnerAddress: Option.some(RunnerAddress.make(options.host, options.port)),
    runnerListenAddress: Option.some(RunnerAddress.make(host, port)),
    entityMailboxCapacity: 8_192,
    entityMaxIdleTime: Duration.millis(options.passivateAfterMillis ?? passivateAfterMillisDefault),
    maxResidentEntities: options.maxResident ?? 100_000,
    ...(options.messages === true ? { entityMessagePollInterval: messagePoll } : {})
  })
}

export const client = ShardingConfig.layer({
  ...shared([], leaseMillisDefault),
  runnerAddress: Option.none(),
  runnerListenAddress: Option.none()
})
