/**
 * `clawster doctor`: checks everything that a process in this environment needs, within seconds, and says what to do.
 * It changes nothing.
 */
import { Effect } from "effect"
import { checked, fail, type Finding, ok, warn } from "./doctor/Finding.ts"
import * as Machine from "./doctor/Machine.ts"
import { store } from "./doctor/Store.ts"
import * as Check from "./settings/Check.ts"

const settings = Effect.gen(function* () {
  const env = Check.withoutEmpty(process.env)
  const faults = yield* Check.faults("runner", env)
  const others = yield* Check.faults("gateway", env)
  const wrong = new Map([...faults, ...others].map((fault) => [fault.name, fault]))
  const findings: Array<Finding> = [
    ...[...wrong.values()].map(({ message }) => fail("settings", message, "clawster config show lists every setting")),
    ...Check.unknown(env).map((sentence) => warn("settings", sentence, "remove it, or mend its name"))
  ]
  return findings.length === 0 ? [ok("settings", "every setting can be used")] : findings
})

export const examine: Effect.Effect<ReadonlyArray<Finding>> = Effect.map(
  Effect.all(
    [
      checked("settings", settings),
      checked("node", Machine.node),
      checked("home", Machine.home),
      checked("descriptors", Machine.descriptors),
      checked("port", Machine.ports),
      checked("database", store),
      checked("openclaw", Machine.openclaw),
      checked("model", Machine.model)
    ],
    { concurrency: "unbounded" }
  ),
  (found) => found.flat()
)
