import { Layer } from "effect"
import * as MemoryRowReads from "../../src/testing/store/MemoryRowReads.ts"
import { conformance, shelves } from "../conformance/RowReads.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"

conformance({
  name: "memory",
  layer: MemoryRowReads.layerMemory.pipe(Layer.provideMerge(MemoryCluster.withActors(shelves)))
})
