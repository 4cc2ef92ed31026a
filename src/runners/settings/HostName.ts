/**
 * The name of a machine's placement belongs to its home, because the home contains the gateways' files. It is chosen at
 * the first start, stored in the home, and kept when the machine's own name changes, as a container's does at each
 * start. So each instance of a home remains a single instance, registered on one host. A name set by
 * `CLAWSTER_HOST_NAME` takes precedence, and a warning is issued when it differs from the stored one.
 */
import { Effect, Option } from "effect"
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { StartFailed } from "../launch/StartFailed.ts"

export interface HostName {
  readonly current: string
  /** The stored name of the home, when another name was given. */
  readonly former: string | undefined
}

const file = (home: string) => join(home, "host-name")

/** The stored name of the home; undefined for a new home. */
export const kept = (home: string): string | undefined => {
  try {
    return readFileSync(file(home), "utf8").trim() || undefined
  } catch {
    return undefined
  }
}

/** Replaces characters of the machine's name that a placement cannot contain. */
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
 * `carried` is the host under which instances of this home are registered, for homes of an earlier version, which
 * stored no name.
 */
export const ofHome = Effect.fnUntraced(function* (home: string, given: Option.Option<string>, carried?: string) {
  const known = kept(home) ?? carried
  const current = Option.getOrElse(given, () => known ?? ofMachine())
  if (kept(home) === undefined) yield* keep(home, known ?? current)
  return { current, former: known === current ? undefined : known } satisfies HostName as HostName
})

/** The warning at start when the names differ; undefined otherwise. */
export const note = ({ current, former }: HostName, home: string): string | undefined =>
  former === undefined
    ? undefined
    : `CLAWSTER_HOST_NAME is ${current}, and ${home} was host ${former} before: instances placed on host-${former} are not served from here. ` +
      `Leave CLAWSTER_HOST_NAME out to be ${former} again, or deregister them: clawster instance deregister ID --force`
