import * as MemoryResources from "../../../src/actor/memory/MemoryResources.ts"
import { conformance } from "../../conformance/Resources.ts"

conformance("In-memory", MemoryResources.layer)
