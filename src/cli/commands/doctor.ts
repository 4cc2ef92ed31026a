import { Console, Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"

/** A failed check would prevent a start; the printed list says which. */
export class ChecksFailed extends Schema.TaggedError<ChecksFailed>()("ChecksFailed", { message: Schema.String }) {}

const marks = { ok: "✓", warn: "!", fail: "✗" } as const

export const doctor = Command.make(
  "doctor",
  { json: Flag.Boolean("json").pipe(Flag.withDefault(false), Flag.withDescription("Print JSON instead of lines")) },
  Effect.fnUntraced(function* ({ json }) {
    const { examine } = yield* Effect.promise(() => import("../../runners/doctor.ts"))
    const findings = yield* examine
    if (json) yield* Console.log(JSON.stringify({ findings }, null, 2))
    else {
      for (const { advice, check, found, level } of findings) {
        yield* Console.log(
          `${marks[level]} ${check.padEnd(12)} ${found}${advice === undefined ? "" : `\n  ${"".padEnd(12)} → ${advice}`}`
        )
      }
    }
    const failed = findings.filter(({ level }) => level === "fail").length
    if (failed > 0) return yield* new ChecksFailed({ message: `${failed} ${failed === 1 ? "check" : "checks"} failed` })
  })
).pipe(
  Command.withDescription(
    "Check what a process of this environment needs: database, disk, ports, OpenClaw, model, runners"
  )
)
