import { Layer } from "effect"
import { conformance, shelves } from "../conformance/ViewReads.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"
import * as MemoryReads from "../fixtures/memory/MemoryReads.ts"

conformance({
  name: "memory",
  layer: MemoryReads.layer.pipe(Layer.provideMerge(MemoryCluster.withActors(shelves)))
})
