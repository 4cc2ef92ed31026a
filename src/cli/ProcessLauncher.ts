/**
 * Starts the long-lived process of a command: not inside the command line's own runtime but after it has ended, so that
 * the process alone handles signals and sets the exit code, and so that its modules are loaded only then.
 */
import { Context, type Effect } from "effect"

export class ProcessLauncher extends Context.Service<
  ProcessLauncher,
  {
    /** Registers the process to start when the command has ended; the last registration wins. */
    readonly to: (start: () => Promise<void>) => Effect.Effect<void>
  }
>()("clawster/cli/ProcessLauncher") {}
