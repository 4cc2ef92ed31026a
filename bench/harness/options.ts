/**
 * The command line of the bench programs: what is wrong with it is said with the usage, on standard error, and ends the
 * program with 2.
 */
import { parseArgs, type ParseArgsOptionsConfig } from "node:util"

export const make = <const Options extends ParseArgsOptionsConfig>(usage: string, options: Options) => {
  const stop = (message: string): never => {
    process.stderr.write(`${message}\n\n${usage}\n`)
    process.exit(2)
  }
  const parsed = () => {
    try {
      return parseArgs({ options: { ...options, help: { type: "boolean", default: false } } as Options })
    } catch (error) {
      return stop(error instanceof Error ? error.message : String(error))
    }
  }
  const { values } = parsed()
  if ((values as { readonly help?: boolean }).help) {
    process.stdout.write(`${usage}\n`)
    process.exit(0)
  }
  /** What `--only` names, or all. */
  const chosen = (only: string | undefined, known: ReadonlyArray<string>, kind: string): Set<string> => {
    const wanted = new Set(only?.split(",").map((name) => name.trim()) ?? known)
    for (const name of wanted) if (!known.includes(name)) stop(`--only: there is no ${kind} ${name}`)
    return wanted
  }
  return { options: values, stop, chosen }
}
