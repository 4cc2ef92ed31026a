/**
 * Chooses the command that starts a gateway: the configured one, else the managed install, else a program found on
 * PATH.
 */
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

export interface LauncherOptions {
  /** Overrides everything else: the program and all its arguments. */
  readonly command?: readonly [string, ...Array<string>]
  /** The managed install: `node …/openclaw.mjs gateway run`. */
  readonly managed?: readonly [string, ...Array<string>]
  /** Programs tried in this order when neither of the above is given. */
  readonly variants?: ReadonlyArray<string>
  /** Directories in which the variants are searched, in the format of the `PATH` variable. */
  readonly path?: string
}

export type Command = readonly [string, ...Array<string>]

export const defaultVariants: ReadonlyArray<string> = ["openclawd", "openclaws", "openclaw"]

/** Arguments that every variant takes. */
export const gatewayArguments: ReadonlyArray<string> = ["gateway", "run"]

/** The commands to try, in order. Empty when nothing that could start a gateway was found. */
export const launchCommands = (
  options: LauncherOptions,
  isProgram: (path: string) => boolean = isExecutable
): ReadonlyArray<Command> => {
  if (options.command !== undefined) return [options.command]
  if (options.managed !== undefined) return [options.managed]
  const directories = (options.path ?? "").split(delimiter).filter((directory) => directory !== "")
  return (options.variants ?? defaultVariants).flatMap((variant): ReadonlyArray<Command> => {
    const found = directories.map((directory) => join(directory, variant)).find(isProgram)
    return found === undefined ? [] : [[found, ...gatewayArguments]]
  })
}

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
