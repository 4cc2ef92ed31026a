/** A runner of the cluster of `DATABASE_URL`: `node dist/runner.js PORT`. It serves until it is stopped. */
import { NodeRuntime } from "@effect/platform-node"
import { Cluster, defaultPlacement } from "clawster"
import { Console, Layer } from "effect"
import { auditorLayer } from "./Auditor.ts"
import { Bank } from "./Bank.ts"
import { ledgerLayer } from "./Ledger.ts"
import { database } from "./Migrations.ts"

const host = "127.0.0.1"
const port = Number(process.argv[2])

const layer = Layer.effectDiscard(Console.log("ready")).pipe(
  Layer.provide([ledgerLayer, auditorLayer]),
  Layer.provide(Cluster.layerRunner({ host, port, serves: [defaultPlacement] })),
  Layer.provide(Bank.layer(`${host}:${port}`)),
  Layer.provide(database)
)

NodeRuntime.runMain(Layer.launch(layer))
