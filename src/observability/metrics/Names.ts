/**
 * All exported names: metrics, spans and log fields. Dashboards and alerts rely on this list, and a test compares it
 * with the exported names. Times are in seconds, sizes in units of the counted things. A label has few values, or one
 * per instance.
 */

export interface MetricName {
  readonly kind: "counter" | "gauge" | "histogram"
  readonly unit:
    | "seconds"
    | "tasks"
    | "turns"
    | "commands"
    | "commits"
    | "messages"
    | "calls"
    | "actors"
    | "runners"
    | "connections"
    | "sessions"
    | "ratio"
    | "shards"
    | "state"
    | "bytes"
    | "descriptors"
    | "resources"
  readonly help: string
  readonly labels: ReadonlyArray<string>
  /** Upper bounds of a histogram's buckets, in its unit. */
  readonly boundaries?: ReadonlyArray<number>
}

const quick = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]
const slow = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600]
const sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024]

export const metrics = {
  task_queue_depth: {
    kind: "gauge",
    unit: "tasks",
    help: "Tasks that wait, by phase: pending, scheduled, retrying",
    labels: ["phase"]
  },
  task_execution_time: {
    kind: "histogram",
    unit: "seconds",
    help: "Time of one run at a gateway, from its acceptance by the instance to its end",
    labels: ["status"],
    boundaries: slow
  },
  instance_health: {
    kind: "gauge",
    unit: "ratio",
    help: "1 healthy, 0.5 degraded, 0 unhealthy or unknown",
    labels: ["instance_id", "tenancy"]
  },
  cross_instance_latency: {
    kind: "histogram",
    unit: "seconds",
    help: "Time of one delivery from actor to actor, until the receiver has committed it",
    labels: ["entity_type"],
    boundaries: quick
  },
  tasks_total: {
    kind: "counter",
    unit: "tasks",
    help: "Tasks that ended, by outcome: completed, failed, cancelled, dead_lettered, dropped",
    labels: ["outcome"]
  },
  clawster_turns_total: {
    kind: "counter",
    unit: "turns",
    help: "Turns of sessions that ended, by outcome: completed, failed, aborted",
    labels: ["outcome"]
  },
  clawster_http_request_seconds: {
    kind: "histogram",
    unit: "seconds",
    help: "Time of one HTTP request, from its headers to its answer, by documented route and status class",
    labels: ["method", "route", "status"],
    boundaries: quick
  },
  clawster_store_read_seconds: {
    kind: "histogram",
    unit: "seconds",
    help: "Time of one read of the database for a caller: a list, a task, a page of the feed",
    labels: [],
    boundaries: quick
  },
  clawster_store_read_failures_total: {
    kind: "counter",
    unit: "calls",
    help: "Reads of the database for a caller that failed or took longer than 10 seconds",
    labels: []
  },
  lane_wait_duration: {
    kind: "histogram",
    unit: "seconds",
    help: "Time that a task was ready to run and waited for a slot",
    labels: [],
    boundaries: slow
  },
  clawster_actor_commit_seconds: {
    kind: "histogram",
    unit: "seconds",
    help: "Time from a batch decided to its commit acknowledged",
    labels: ["entity_type"],
    boundaries: quick
  },
  clawster_actor_batch_size: {
    kind: "histogram",
    unit: "commands",
    help: "Commands that shared one commit of one actor",
    labels: ["entity_type"],
    boundaries: sizes
  },
  clawster_actor_mailbox_size: {
    kind: "histogram",
    unit: "messages",
    help: "Mail that an actor found waiting at the start of a round",
    labels: ["entity_type"],
    boundaries: sizes
  },
  clawster_actor_setbacks_total: {
    kind: "counter",
    unit: "commands",
    help: "Commands, messages, signals and timers that an actor could not take: its code failed on them, or the store cannot hold what they say",
    labels: ["entity_type"]
  },
  clawster_dead_messages_total: {
    kind: "counter",
    unit: "messages",
    help: "Messages between actors that their receiver could not process and keeps as dead ones, by the reason",
    labels: ["entity_type", "reason"]
  },
  clawster_actor_resident: {
    kind: "gauge",
    unit: "actors",
    help: "Actors loaded in this process",
    labels: ["entity_type"]
  },
  clawster_outbox_backlog: {
    kind: "gauge",
    unit: "messages",
    help: "Messages of this process's actors that are committed and not yet taken by their receivers",
    labels: []
  },
  clawster_journal_flush_commits: {
    kind: "histogram",
    unit: "commits",
    help: "Commits of actors that shared one transaction",
    labels: [],
    boundaries: sizes
  },
  clawster_journal_flush_seconds: {
    kind: "histogram",
    unit: "seconds",
    help: "Time of one journal transaction",
    labels: [],
    boundaries: quick
  },
  clawster_runners_lost_total: {
    kind: "counter",
    unit: "runners",
    help: "Runners that this one found gone: refused (its port), expired (its lease)",
    labels: ["cause"]
  },
  clawster_gateway_sessions_deleted_total: {
    kind: "counter",
    unit: "sessions",
    help: "Sessions of ended tasks and closed sessions that were deleted at their gateways",
    labels: []
  },
  clawster_gateway_links_lost_total: {
    kind: "counter",
    unit: "connections",
    help: "Connections to gateways that failed or ended, by reason: Unreachable, ConnectionLost, FrameTooLarge, AuthenticationFailed and others",
    labels: ["reason"]
  },
  clawster_health_check: {
    kind: "gauge",
    unit: "state",
    help: "A check of health as this gateway last saw it: 1 well, 0 not",
    labels: ["check"]
  },
  clawster_health_age_seconds: {
    kind: "gauge",
    unit: "seconds",
    help: "Time since this gateway last finished its checks of health",
    labels: []
  },
  clawster_breaker_state: {
    kind: "gauge",
    unit: "state",
    help: "Circuit breaker of an instance: 0 closed, 1 half open, 2 open",
    labels: ["instance_id", "tenancy"]
  },
  clawster_instance_running_tasks: {
    kind: "gauge",
    unit: "tasks",
    help: "Runs under way at an instance",
    labels: ["instance_id", "tenancy"]
  },
  clawster_feed_age_seconds: {
    kind: "gauge",
    unit: "seconds",
    help: "Since the oldest entry was written that is committed and not yet read by this gateway's event feed; 0 when there is none",
    labels: []
  },
  clawster_fleet_reading_age_seconds: {
    kind: "gauge",
    unit: "seconds",
    help: "Age of what the gauges of backlog and instances say: reading tasks (the lanes' counts) or instances",
    labels: ["reading"]
  },
  process_open_fds: {
    kind: "gauge",
    unit: "descriptors",
    help: "Open file descriptors of this process, sockets included (Linux)",
    labels: []
  },
  process_max_fds: {
    kind: "gauge",
    unit: "descriptors",
    help: "Most file descriptors that this process may have open (Linux)",
    labels: []
  },
  process_resident_memory_bytes: { kind: "gauge", unit: "bytes", help: "Resident memory of this process", labels: [] },
  process_cpu_seconds_total: {
    kind: "counter",
    unit: "seconds",
    help: "Processor time that this process has used, user and system",
    labels: []
  },
  nodejs_heap_size_used_bytes: {
    kind: "gauge",
    unit: "bytes",
    help: "JavaScript heap in use, garbage included",
    labels: []
  },
  nodejs_heap_after_gc_bytes: {
    kind: "gauge",
    unit: "bytes",
    help: "JavaScript heap in use right after the last major garbage collection; absent before the first",
    labels: []
  },
  nodejs_external_memory_bytes: {
    kind: "gauge",
    unit: "bytes",
    help: "Memory outside of the heap that JavaScript objects hold, such as buffers",
    labels: []
  },
  nodejs_eventloop_lag_p99_seconds: {
    kind: "gauge",
    unit: "seconds",
    help: "How late timers were, the 99th percentile of the last reading",
    labels: []
  },
  nodejs_active_resources: {
    kind: "gauge",
    unit: "resources",
    help: "What keeps the event loop alive, by type: timers, sockets, child processes",
    labels: ["type"]
  }
} as const satisfies Record<string, MetricName>

/**
 * Labels that reveal nothing about a tenant. Series with any other label are shown only with an operator's key
 * (PublicMetrics.ts).
 */
export const publicLabels: ReadonlySet<string> = new Set([
  "cause",
  "check",
  "entity_type",
  "instance_id",
  "outcome",
  "phase",
  "reading",
  "status",
  "tenancy",
  "type"
])

/** Metrics that the cluster module of `effect` exports. */
export const clusterMetrics = {
  effect_cluster_entities: { kind: "gauge", labels: ["type"] },
  effect_cluster_entity_mailbox_size: { kind: "gauge", labels: ["type"] },
  effect_cluster_entity_mailbox_size_max: { kind: "gauge", labels: ["type"] },
  effect_cluster_singletons: { kind: "gauge", labels: [] },
  effect_cluster_runners: { kind: "gauge", labels: [] },
  effect_cluster_runners_healthy: { kind: "gauge", labels: [] },
  effect_cluster_shards: { kind: "gauge", labels: [] },
  effect_cluster_shards_releasing: { kind: "gauge", labels: [] },
  effect_cluster_shard_release: { kind: "histogram", labels: [] }
} as const satisfies Record<string, Pick<MetricName, "kind" | "labels">>

export const spans = {
  /** One task, from its submission to its end, over all its attempts. */
  task: "task",
  /** One attempt at a task or turn, at its instance, from the first try to reach the gateway to the end. */
  taskRun: "task.run",
  turnRun: "turn.run"
} as const

/** Events within a run. */
export const spanEvents = {
  started: "task_started",
  agentInvoked: "agent_invoked",
  toolCalled: "tool_called",
  completed: "task_completed"
} as const

export const spanAttributes = {
  tenantId: "tenant.id",
  taskId: "task.id",
  sessionId: "session.id",
  turnId: "turn.id",
  workflowId: "workflow.id",
  instanceId: "instance.id",
  attempt: "attempt",
  agent: "agent",
  tool: "tool",
  status: "status",
  totalDurationMillis: "total_duration_ms"
} as const

/**
 * The fields of a log line, in their order. Every line has the first three, `event` and `message`, and any other field
 * with a known value.
 */
export const logFields = [
  "timestamp",
  "level",
  "service",
  "service_instance_id",
  "instance_id",
  "tenant_id",
  "correlation_id",
  "event",
  "task_id",
  "target_instance",
  "latency_ms",
  "message"
] as const
export type LogField = (typeof logFields)[number]
