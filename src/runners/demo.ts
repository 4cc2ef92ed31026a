/**
 * `npm run demo`: 40 tasks and three sessions of five turns on two real gateways, half over REST and half over the
 * typed client, with a runner killed in the middle. Prints a table at the end, and exits with code 1 if anything was
 * lost, executed twice or out of order, or did not complete.
 */
import { Clock, Effect, Schedule, Schema } from "effect"
import type { SessionStatus } from "../schema/Session.ts"
import type { TaskStatus } from "../schema/Task.ts"
import * as DemoPlan from "./demo/DemoPlan.ts"
import * as RestCalls from "./demo/RestCalls.ts"
import * as TypedCalls from "./demo/TypedCalls.ts"
import * as DemoResult from "./demo/DemoResult.ts"
import { freePort } from "../resources/TcpPorts.ts"
import * as EnvironmentCheck from "./settings/EnvironmentCheck.ts"
import * as Options from "./up/UpOptions.ts"
import * as Stack from "./up/Stack.ts"
import { say } from "./up/StepProgress.ts"

export class DemoFailed extends Schema.TaggedError<DemoFailed>()("DemoFailed", { message: Schema.String }) {}

const tenantId = "default"
const patience = "5 minutes"

interface Run {
  readonly rest: RestCalls.Rest
  readonly typed: TypedCalls.Typed
  readonly submitted: DemoPlan.Plan
}

const work = (id: string) => `Take a moment. [[delay 1500]] [[id ${id}]]`

const submit = Effect.fnUntraced(function* ({ rest, submitted, typed }: Run) {
  const half = DemoPlan.taskCount / 2
  const task = (taskId: string) => ({ taskId, tenantId, payload: { message: work(taskId) } })
  yield* rest.post("/tasks/bulk", { tasks: submitted.tasks.slice(0, half).map(task) }, submitted.bulkKey)
  yield* Effect.forEach(submitted.tasks.slice(half), (taskId) => typed.submitTask(task(taskId)), { discard: true })
  const converse = Effect.fnUntraced(function* ({ sessionId, turns }: DemoResult.Submitted["sessions"][number]) {
    yield* rest.post("/sessions", { sessionId, tenantId }, `demo-${sessionId}`)
    for (const [index, turnId] of turns.entries()) {
      const turn = { turnId, message: work(turnId) }
      if (index % 2 === 0) yield* rest.post(`/sessions/${sessionId}/turns?tenantId=${tenantId}`, turn, turnId)
      else yield* typed.sendTurn({ sessionId, ...turn })
    }
  })
  yield* Effect.forEach(submitted.sessions, converse, { concurrency: "unbounded", discard: true })
})

const state = Effect.fnUntraced(function* ({ rest, submitted }: Run) {
  const tasks = yield* rest.get<{ items: ReadonlyArray<TaskStatus> }>(`/tasks?tenantId=${tenantId}&limit=200`)
  const sessions = yield* Effect.forEach(submitted.sessions, ({ sessionId }) =>
    rest.get<SessionStatus>(`/sessions/${sessionId}?tenantId=${tenantId}`)
  )
  return { tasks: tasks.items, sessions }
})

const until = (run: Run, met: (now: Effect.Success<ReturnType<typeof state>>) => boolean, what: string) =>
  state(run).pipe(
    Effect.repeat({ until: met, schedule: Schedule.spaced("250 millis") }),
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () => Effect.fail(new DemoFailed({ message: `${what} within ${patience}` }))
    })
  )

type Started = Effect.Success<ReturnType<typeof Stack.start>>

/** Kills the runner with the most resident actors, and waits until other runners own all its shards. */
const killOne = Effect.fnUntraced(function* ({ runners, sql }: Started) {
  const owners = yield* sql.unsafe<{ owner: string }>(
    `SELECT owner FROM clawster_shards JOIN clawster_wakes USING (shard_id) WHERE resident
     GROUP BY owner ORDER BY count(*) DESC`
  )
  const busiest = runners.find(({ port }) => owners[0]?.owner === `127.0.0.1:${port}`) ?? runners[0]!
  const owned = sql
    .unsafe<{ count: number }>(`SELECT count(*)::float8 AS count FROM clawster_shards WHERE owner = $1::text`, [
      `127.0.0.1:${busiest.port}`
    ])
    .pipe(Effect.map((rows) => rows[0]!.count))
  const shards = yield* owned
  const before = yield* Clock.currentTimeMillis
  yield* busiest.kill("SIGKILL")
  yield* owned.pipe(Effect.repeat({ until: (count) => count === 0, schedule: Schedule.spaced("10 millis") }))
  return { name: busiest.name, shards, tookMillis: (yield* Clock.currentTimeMillis) - before }
})

const script = Effect.fnUntraced(function* (started: Started) {
  const stamp = (yield* Clock.currentTimeMillis).toString(36)
  const run: Run = {
    rest: RestCalls.make(started.url, started.apiKey),
    typed: yield* TypedCalls.make(started.url, started.apiKey, tenantId),
    submitted: DemoPlan.plan(stamp)
  }
  yield* say(
    `\n  submitting ${DemoPlan.taskCount} tasks and ${DemoPlan.sessionNames.length} sessions of ${DemoPlan.turnsASession} turns`
  )
  yield* submit(run)
  yield* until(
    run,
    ({ tasks }) => DemoPlan.endedTasks(run.submitted, tasks) >= DemoPlan.taskCount / 4,
    "a quarter of the tasks did not end"
  )
  const killed = yield* killOne(started)
  yield* say(
    `  killed ${killed.name} (SIGKILL) with ${killed.shards} shards; others had them after ${killed.tookMillis} ms`
  )
  const { sessions, tasks } = yield* until(
    run,
    (now) =>
      DemoPlan.endedTasks(run.submitted, now.tasks) >= DemoPlan.taskCount && DemoPlan.openTurns(now.sessions) === 0,
    "not everything ended"
  )
  const reached = started.model === undefined ? {} : (yield* started.model.stats).byId
  return DemoResult.rows(run.submitted, tasks, sessions, reached)
})

export const run = Effect.fnUntraced(function* (options: Partial<Options.UpOptions> = {}) {
  yield* EnvironmentCheck.refuse("up")
  const port = options.port ?? (yield* freePort)
  const table = yield* Effect.scoped(
    Effect.gen(function* () {
      const started = yield* Stack.start(yield* Options.complete({ ...options, port }, "demo"))
      const rows = yield* script(started)
      yield* say(`\n${DemoResult.render(rows)}\n`)
      yield* say("  stopping")
      return rows
    })
  )
  if (!DemoResult.isClean(table)) {
    return yield* new DemoFailed({
      message: "something was lost, done twice, out of order, or did not complete; see the table"
    })
  }
  yield* say("  nothing lost, nothing done twice, nothing out of order")
})
