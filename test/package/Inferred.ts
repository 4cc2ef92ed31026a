/**
 * A module of an embedder that exports what it makes of the package, without saying the types. With `declaration` the
 * compiler must be able to name each of them by what the package exports.
 */
import {
  ActorClient,
  Cluster,
  command,
  Database,
  defaultPlacement,
  EmbeddedPostgres,
  migrate,
  protocol,
  Resources,
  Retention,
  RowReads,
  rowReadsLayer,
  Secrets,
  Secret,
  SecretJson,
  SecretSweep,
  send,
  table,
  ViewReads,
  viewReadsLayer
} from "clawster"
import { ClawsterClient } from "clawster/client"
import { OutsideProcess, Simulation, StoreAccess, sweep, Workload } from "clawster/testing"
import { Effect, Redacted, Schema } from "effect"
import { Entity } from "effect/cluster"

export const runner = Cluster.layerRunner({ host: "h", port: 1, serves: [defaultPlacement] })
export const single = Cluster.layerSingle({ serves: [defaultPlacement] })
export const client = Cluster.layerClient()
export const database = Database.layer({ url: Redacted.make("postgres://h") })
export const configured = Database.layerConfig
export const embedded = EmbeddedPostgres.start({ directory: "d" })
export const migrated = migrate
export const retention = Retention.layerConfig
export const secrets = Secrets.layer([])
export const reencryption = SecretSweep.layer()
export const views = viewReadsLayer
export const rows = rowReadsLayer
export const lines = table({
  name: "inferred_lines",
  key: ["line_id"],
  columns: { line_id: "text", at: "bigint" },
  retention: { since: "at", keptAs: "tasks" }
})
export const read = Effect.flatMap(RowReads, (reads) => reads.list(lines, { limit: 1 }))
export const Configured = Schema.Struct({ config: SecretJson })

const Noted = Schema.Struct({ text: Schema.String })
export const noting = command("Note", { payload: { text: Schema.String }, success: Noted })
export const Notes = Entity.fromRpcGroup("InferredNotes", protocol(noting))
export const note = send(Notes, "all", "Note", { text: "t" })
export const notes = ActorClient.make(Notes)
export const noted = Effect.flatMap(notes, (notesOf) => notesOf("all").Note({ text: "t" }))
export const listed = Effect.flatMap(ViewReads, ({ list }) => list(Notes, Noted, { limit: 1 }))
export const found = Effect.flatMap(ViewReads, ({ get }) => get(Notes, Noted, "all"))
export const Guarded = Schema.Struct({ token: Secret(Schema.NonEmptyString) })
export const kept = Effect.flatMap(Resources, ({ put }) => put({ text: "t" }))

export const run = (options: Simulation.Options) => Simulation.run(options)
export const swept = (scenario: Simulation.Scenario) =>
  sweep({ scenario: (seed) => ({ ...scenario, seed, duration: "1 minute", faults: {} }), seeds: [1], wallMillis: 1 })
export const worked = Effect.flatMap(Workload, ({ repeat }) => repeat(Effect.void, "1 second"))
export const stored = Effect.flatMap(StoreAccess, ({ read }) => read("all rows", ({ tables }) => tables.size))
export const outside = Effect.flatMap(OutsideProcess, ({ call }) => call(Effect.void))

export const gateway = ClawsterClient.layerHttp({ url: "http://h", apiKey: Redacted.make("k") })
