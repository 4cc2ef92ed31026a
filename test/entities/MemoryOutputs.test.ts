import * as MemoryOutputs from "../../src/entities/MemoryOutputs.ts"
import { conformance } from "../conformance/Outputs.ts"

conformance({ name: "memory", layer: MemoryOutputs.layer })
