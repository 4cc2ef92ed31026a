import { Layer } from "effect"
import * as RowReads from "../../src/testing/store/RowReads.ts"
import { conformance, shelves } from "../conformance/RowReads.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"

conformance({
  name: "memory",
  layer: RowReads.layerMemory.pipe(Layer.provideMerge(MemoryCluster.withActors(shelves)))
})
