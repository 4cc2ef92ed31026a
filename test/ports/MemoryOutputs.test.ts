import * as MemoryOutputs from "../../src/ports/MemoryOutputs.ts"
import { conformance } from "../conformance/Outputs.ts"

conformance({ name: "memory", layer: MemoryOutputs.layer })
