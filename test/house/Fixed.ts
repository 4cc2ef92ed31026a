/**
 * What is fixed: names that are stored, and the roles of actions. Each actor type has a file of its own in fixed/, and
 * cluster.json has what belongs to none.
 */
import { readdirSync, readFileSync } from "node:fs"
import type { Role } from "../../src/schema/access/Principal.ts"

interface Fixed {
  readonly tables: ReadonlyArray<string>
  readonly actions: Readonly<Record<string, Role>>
  readonly commands?: ReadonlyArray<string>
  readonly events?: ReadonlyArray<string>
}

const folder = new URL("./fixed/", import.meta.url)

const files = readdirSync(folder).map((file): readonly [owner: string, fixed: Fixed] => [
  file.replace(/\.json$/, ""),
  JSON.parse(readFileSync(new URL(file, folder), "utf8"))
])

export const tables = files.flatMap(([, { tables }]) => tables)

export const actions = Object.assign({}, ...files.map(([, { actions }]) => actions)) as Fixed["actions"]

/** By actor type. */
export const ofActors = (what: "commands" | "events"): Readonly<Record<string, ReadonlyArray<string>>> =>
  Object.fromEntries(
    files.flatMap(([type, { [what]: names }]) => (names === undefined ? [] : [[type, names] as const]))
  )
