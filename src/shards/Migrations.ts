/** The ordered list of migrations. Migrations only go forward, and a released migration is never edited. */
import { Effect } from "effect"
import { Migrator } from "effect/sql"
import { actors } from "./migrations/0001_actors.ts"
import { tasks } from "./migrations/0002_tasks.ts"
import { access } from "./migrations/0003_access.ts"
import { messages } from "./migrations/0004_messages.ts"
import { journalAge } from "./migrations/0005_journal_age.ts"
import { outputs } from "./migrations/0007_outputs.ts"
import { turns } from "./migrations/0008_turns.ts"
import { feed } from "./migrations/0009_feed.ts"
import { feedTenant } from "./migrations/0010_feed_tenant.ts"
import { liveness } from "./migrations/0012_liveness.ts"
import { departures } from "./migrations/0013_departures.ts"
import { taskFilters } from "./migrations/0014_task_filters.ts"
import * as Indexes from "./Indexes.ts"
import * as Timelines from "./journal/Timelines.ts"
import { endedActors } from "./migrations/0017_ended_actors.ts"
import { leaseLengths } from "./migrations/0018_lease_lengths.ts"
import { secretKeys } from "./migrations/0019_secret_keys.ts"
import { deadMessages } from "./migrations/0020_dead_messages.ts"
import { resources } from "./migrations/0021_resources.ts"

export const loader = Migrator.fromRecord({
  "0001_actors": actors,
  "0002_tasks": tasks,
  "0003_access": access,
  "0004_messages": messages,
  "0005_journal_age": journalAge,
  "0007_outputs": outputs,
  "0008_turns": turns,
  "0009_feed": feed,
  "0010_feed_tenant": feedTenant,
  "0012_liveness": liveness,
  "0013_departures": departures,
  "0014_task_filters": taskFilters,
  "0017_ended_actors": endedActors,
  "0018_lease_lengths": leaseLengths,
  "0019_secret_keys": secretKeys,
  "0020_dead_messages": deadMessages,
  "0021_resources": resources
})

/**
 * Applies pending migrations, builds the indexes (Indexes.ts) and ensures the feed's timeline (Timelines.ts). Safe to
 * run from several processes at once. Returns the names of the migrations that this call applied.
 */
export const migrate = Migrator.make({})({ loader, table: "clawster_migrations" }).pipe(
  Effect.map((applied) => applied.map(([id, name]) => `${String(id).padStart(4, "0")}_${name}`)),
  Effect.retry({ times: 20, while: (error) => error._tag === "MigrationError" && error.kind === "Locked" }),
  Effect.tap(() => Indexes.build),
  Effect.tap(() => Timelines.ensure)
)
