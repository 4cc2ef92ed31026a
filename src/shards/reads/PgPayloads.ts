/** Reads the texts of tasks and turns from their rows. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { Payloads } from "../../ports/Payloads.ts"
import { sessionOf } from "../../schema/runs/Attempt.ts"
import type { HeldPayload, TaskSpec } from "../../schema/Task.ts"
import { unavailable } from "./StoreUnavailable.ts"

const make = Effect.map(PgClient.PgClient, (sql) =>
  Payloads.of({
    of: (attempt) =>
      attempt.taskId !== undefined
        ? sql
            .unsafe<{ readonly spec: TaskSpec }>(
              "SELECT spec FROM clawster_tasks WHERE tenant_id = $1::text AND task_id = $2::text",
              [attempt.tenantId, attempt.taskId]
            )
            .pipe(
              Effect.map(([row]): HeldPayload | undefined => row?.spec.payload),
              unavailable
            )
        : sql
            .unsafe<{ readonly message: string }>(
              `SELECT message FROM clawster_turns
               WHERE tenant_id = $1::text AND session_id = $2::text AND turn_id = $3::text`,
              [attempt.tenantId, sessionOf(attempt) ?? "", attempt.turnId ?? ""]
            )
            .pipe(
              Effect.map(([row]): HeldPayload | undefined => row),
              unavailable
            )
  })
)

export const layer = Layer.effect(Payloads, make)
