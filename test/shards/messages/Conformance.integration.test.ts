import { conformance } from "./conformance.ts"
import * as Storages from "./Storages.ts"

conformance({ name: "the cluster's own", layer: Storages.stock })
conformance({ name: "PostgreSQL", layer: Storages.gathered })
