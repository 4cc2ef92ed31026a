/**
 * Tasks: each row is owned by its lane. The partial indexes follow the order of the backlog and of the schedule; ties
 * sort by code unit, as the lane sorts them.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`
    CREATE TABLE clawster_tasks (
      tenant_id text NOT NULL,
      task_id text COLLATE "C" NOT NULL,
      lane text NOT NULL,
      phase text NOT NULL,
      priority text NOT NULL,
      rank double precision NOT NULL,
      attempt int NOT NULL,
      max_attempts int NOT NULL,
      not_before bigint,
      deadline_at bigint,
      submitted_at bigint NOT NULL,
      started_at bigint,
      ended_at bigint,
      instance_id text,
      spec json NOT NULL,
      result json,
      error json,
      because text,
      updated_at bigint NOT NULL,
      PRIMARY KEY (tenant_id, task_id)
    ) WITH (fillfactor = 80)`)
  yield* sql.unsafe(`
    CREATE INDEX clawster_tasks_backlog ON clawster_tasks (tenant_id, lane, rank, task_id)
      WHERE phase = 'pending'`)
  yield* sql.unsafe(`
    CREATE INDEX clawster_tasks_schedule ON clawster_tasks (tenant_id, lane, not_before, task_id)
      WHERE phase IN ('scheduled', 'retrying')`)
  yield* sql.unsafe(`
    CREATE INDEX clawster_tasks_deadline ON clawster_tasks (tenant_id, lane, deadline_at, task_id)
      WHERE phase IN ('pending', 'scheduled', 'retrying') AND deadline_at IS NOT NULL`)
  yield* sql.unsafe(`
    CREATE INDEX clawster_tasks_dead ON clawster_tasks (tenant_id, lane, ended_at, task_id)
      WHERE phase = 'dead_lettered'`)
  yield* sql.unsafe(`CREATE INDEX clawster_tasks_newest ON clawster_tasks (submitted_at DESC, task_id)`)
  yield* sql.unsafe(`CREATE INDEX clawster_tasks_ended ON clawster_tasks (ended_at) WHERE ended_at IS NOT NULL`)
})
