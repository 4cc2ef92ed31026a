/** A runner process that serves notes: `noteRunner.ts URL PORT [hang]`. */
import { Effect, Layer, Redacted } from "effect"
import { launch } from "../../../src/runners/launch/Launch.ts"
import { defaultPlacement } from "../../../src/schema/Ids.ts"
import * as Cluster from "../../../src/shards/Cluster.ts"
import * as Database from "../../../src/shards/Database.ts"
import * as Note from "./Note.ts"

const [url, port, hang] = process.argv.slice(2)

Note.layer(port!, hang === "hang").pipe(
  Layer.provide(
    Cluster.layerRunner({
      host: "127.0.0.1",
      port: Number(port),
      serves: [defaultPlacement],
      messages: true
    })
  ),
  Layer.provide(Database.layer({ url: Redacted.make(url!) })),
  Layer.tap(() => Effect.sync(() => process.stdout.write("ready\n"))),
  launch
)
