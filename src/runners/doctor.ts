/**
 * `clawster doctor`: checks everything that a process in this environment needs, within seconds, and says what to do.
 * It changes nothing.
 */
import { Effect } from "effect"
import { checked, fail, type Finding, ok, warn } from "./doctor/Finding.ts"
import * as MachineChecks from "./doctor/MachineChecks.ts"
import { store } from "./doctor/DatabaseChecks.ts"
import * as EnvironmentCheck from "./settings/EnvironmentCheck.ts"

const settings = Effect.gen(function* () {
  const env = EnvironmentCheck.withoutEmpty(process.env)
  const faults = yield* EnvironmentCheck.faults("runner", env)
  const others = yield* EnvironmentCheck.faults("gateway", env)
  const wrong = new Map([...faults, ...others].map((fault) => [fault.name, fault]))
  const findings: Array<Finding> = [
    ...[...wrong.values()].map(({ message }) => fail("settings", message, "clawster config show lists every setting")),
    ...EnvironmentCheck.unknown(env).map((sentence) => warn("settings", sentence, "remove it, or mend its name"))
  ]
  return findings.length === 0 ? [ok("settings", "every setting can be used")] : findings
})

export const examine: Effect.Effect<ReadonlyArray<Finding>> = Effect.map(
  Effect.all(
    [
      checked("settings", settings),
      checked("node", MachineChecks.node),
      checked("home", MachineChecks.home),
      checked("descriptors", MachineChecks.descriptors),
      checked("port", MachineChecks.ports),
      checked("database", store),
      checked("openclaw", MachineChecks.openclaw),
      checked("model", MachineChecks.model)
    ],
    { concurrency: "unbounded" }
  ),
  (found) => found.flat()
)
