/** An upgrade, step by step, as docs/operations.md tells an operator to do it, with what may go wrong in between. */
import { Effect } from "effect"
import { type Field, killed, note, type Phase, restarted } from "../Phases.ts"
import * as Sources from "../Sources.ts"
import type { Runner } from "../World.ts"
import type { GatewayProcess } from "./GatewayProcess.ts"

export interface Upgrade {
  readonly older: Sources.Sources
  readonly gateway: GatewayProcess
}

const versions = ({ world }: Field) => world.runners.map(({ name, sources }) => `${name} ${sources().name}`).join(", ")

const mixed = (field: Field) => Effect.suspend(() => note(field, `served from then on by ${versions(field)}`))

const replaced = (field: Field, runner: Runner, sources: Sources.Sources) =>
  Effect.andThen(killed(field, runner, "SIGTERM"), restarted(field, runner, { sources }))

const crashed = (field: Field, runner: Runner) =>
  Effect.andThen(killed(field, runner, "SIGKILL"), restarted(field, runner))

export const steps = ({ gateway, older }: Upgrade): ReadonlyArray<Phase> => [
  {
    name: "migrated",
    what: "the tables are of the new version, every process is of the older one",
    run: () => Effect.void
  },
  {
    name: "gateway",
    what: "the gateway process is replaced by one of the new version",
    run: () => gateway.replace(Sources.present)
  },
  {
    name: "first-runner",
    what: "the first runner is replaced by one of the new version",
    run: (field) => Effect.andThen(replaced(field, field.world.runners[0]!, Sources.present), mixed(field))
  },
  {
    name: "kill-older",
    what: "SIGKILL of a runner of the older version, which is started again",
    run: (field) => crashed(field, field.world.runners[1]!)
  },
  {
    name: "kill-newer",
    what: "SIGKILL of the runner of the new version, which is started again",
    run: (field) => crashed(field, field.world.runners[0]!)
  },
  {
    name: "back",
    what: "a second runner is replaced by one of the new version, and the first one by one of the older again",
    run: (field) =>
      replaced(field, field.world.runners[1]!, Sources.present).pipe(
        Effect.andThen(replaced(field, field.world.runners[0]!, older)),
        Effect.andThen(mixed(field))
      )
  },
  {
    name: "rest",
    what: "every runner that is left is replaced by one of the new version",
    run: (field) =>
      Effect.forEach([field.world.runners[0]!, field.world.runners[2]!], (runner) =>
        replaced(field, runner, Sources.present)
      ).pipe(Effect.andThen(mixed(field)))
  }
]
