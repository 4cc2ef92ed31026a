/** Runs one invocation of the command line and returns its exit code. */
import { Cause, Console, Effect, Exit, type Layer } from "effect"
import { CliConfig, CliError, CliOutput, Command, GlobalFlag } from "effect/cli"
import type { Api } from "./api/Api.ts"
import * as root from "./commands/root.ts"
import * as FailureReport from "./FailureReport.ts"
import * as Help from "./Help.ts"

const cliConfig = CliConfig.make({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] })

const showedHelp = (cause: Cause.Cause<unknown>): CliError.ShowHelp | undefined => {
  const error = Cause.squash(cause)
  return CliError.isCliError(error) && error._tag === "ShowHelp" ? error : undefined
}

const exitCodeOf = (cause: Cause.Cause<unknown>, isJson: boolean): Effect.Effect<number> => {
  const help = showedHelp(cause)
  if (help !== undefined)
    return Effect.succeed(help.errors.length === 0 ? FailureReport.exitCodes.ok : FailureReport.exitCodes.usage)
  const told = FailureReport.tell(cause)
  return Effect.as(
    told.exitCode === FailureReport.exitCodes.interrupted
      ? Effect.void
      : Console.error(isJson ? FailureReport.json(told) : FailureReport.human(told)),
    told.exitCode
  )
}

/** Never fails. An error has been printed to standard error. */
export const run =
  <E, R>(api: Layer.Layer<Api, E, R>, version: string) =>
  (line: ReadonlyArray<string>) =>
    Command.runWith(root.make(api), { version })(line).pipe(
      Effect.exit,
      Effect.flatMap((exit) =>
        Exit.isSuccess(exit)
          ? Effect.succeed(FailureReport.exitCodes.ok)
          : exitCodeOf(exit.cause, line.includes("--json"))
      ),
      Effect.provideService(CliOutput.Presenter, Help.presenter),
      Effect.provideService(CliConfig.CliConfig, cliConfig)
    )
