/**
 * The name of a machine's placement belongs to its home, since the gateways' files lie there: it is chosen at the first
 * start, kept in the home, and stays when the machine's own name changes, as that of a container does at each start. So
 * the instances of a home stay one each. A name that is given by `CLAWSTER_HOST_NAME` goes before it, and is told where
 * it differs.
 */
import { Effect, Option } from "effect"
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { StartFailed } from "../launch/StartFailed.ts"

export interface HostName {
  readonly current: string
  /** What the home is known as, when another name was given. */
  readonly former: string | undefined
}

const file = (home: string) => join(home, "host-name")

/** What the home is known as; undefined for a new one. */
export const kept = (home: string): string | undefined => {
  try {
    return readFileSync(file(home), "utf8").trim() || undefined
  } catch {
    return undefined
  }
}

/** The machine's own name may have characters that no placement has. */
export const ofMachine = (): string =>
  hostname()
    .replace(/[^A-Za-z0-9._-]/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 100) || "host"

const keep = (home: string, name: string) =>
  Effect.try({
    try: () => {
      mkdirSync(home, { recursive: true })
      writeFileSync(`${file(home)}.${process.pid}`, `${name}\n`)
      renameSync(`${file(home)}.${process.pid}`, file(home))
    },
    catch: (error) =>
      new StartFailed({
        message: `the home folder ${home} cannot be written (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
        advice: "give this user the right to write it, or name another by CLAWSTER_HOME or --home"
      })
  })

/**
 * `carried`: the name under which instances of this home are registered, where a home of an earlier version kept none.
 */
export const ofHome = Effect.fnUntraced(function* (home: string, given: Option.Option<string>, carried?: string) {
  const known = kept(home) ?? carried
  const current = Option.getOrElse(given, () => known ?? ofMachine())
  if (kept(home) === undefined) yield* keep(home, known ?? current)
  return { current, former: known === current ? undefined : known } satisfies HostName as HostName
})

/** What is told at a start where the names differ; undefined when there is nothing to tell. */
export const note = ({ current, former }: HostName, home: string): string | undefined =>
  former === undefined
    ? undefined
    : `CLAWSTER_HOST_NAME is ${current}, and ${home} was host ${former} before: instances placed on host-${former} are not served from here. ` +
      `Leave CLAWSTER_HOST_NAME out to be ${former} again, or deregister them: clawster instance deregister ID --force`
