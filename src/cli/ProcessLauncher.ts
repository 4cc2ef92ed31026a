/**
 * How a command that becomes a long-lived process starts it: not inside the command line's own runtime, but after it,
 * so that signals and exit codes are the process's alone, and so that its modules are loaded only then.
 */
import { Context, type Effect } from "effect"

export class Handover extends Context.Service<
  Handover,
  {
    /** The last one given starts when the command has ended. */
    readonly to: (start: () => Promise<void>) => Effect.Effect<void>
  }
>()("clawster/cli/ProcessLauncher") {}
