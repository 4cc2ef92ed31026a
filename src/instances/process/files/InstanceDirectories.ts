/**
 * The folders of a host's instances, one per registration: `ID@REGISTRATION`, or `ID` alone for folders that earlier
 * versions made. An id that is registered again, perhaps by another tenant, gets its own folder, which contains nothing
 * of the former one.
 */
import { randomUUID } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Option, Schema } from "effect"
import { isAlive } from "../../../processes/ProcessIdentity.ts"
import { InstanceId } from "../../../schema/Ids.ts"
import { DriverError, type Kept } from "../../InstanceDriver.ts"
import { InstanceFiles } from "./InstanceFiles.ts"

export interface InstanceDirectories {
  readonly filesOf: (kept: Kept) => InstanceFiles
  readonly kept: (cluster: string) => Effect.Effect<ReadonlyArray<Kept>>
  readonly remove: (kept: Kept) => Effect.Effect<void, DriverError>
}

const decodeId = Schema.decodeUnknownOption(InstanceId)

const nameOf = ({ instanceId, registration }: Kept): string =>
  registration === undefined ? instanceId : `${instanceId}@${registration}`

const keptOf = (name: string): ReadonlyArray<Kept> => {
  const [id, registration] = name.split("@")
  const instanceId = decodeId(id)
  if (Option.isNone(instanceId)) return []
  return [{ instanceId: instanceId.value, ...(registration === undefined ? {} : { registration }) }]
}

export const instanceDirectories = (directory: string): InstanceDirectories => {
  const instances = join(directory, "instances")
  const removed = join(directory, "removed")
  const filesOf = (kept: Kept) => new InstanceFiles(join(instances, nameOf(kept)))

  return {
    filesOf,
    kept: (cluster) =>
      Effect.sync(() => isHomeOf(directory, cluster)).pipe(
        Effect.flatMap((ours) =>
          ours
            ? Effect.sync(() => namesIn(instances).flatMap(keptOf))
            : Effect.as(Effect.logWarning(`${directory} was made by another cluster; nothing in it is removed`), [])
        )
      ),
    remove: Effect.fnUntraced(function* (kept: Kept) {
      const files = filesOf(kept)
      const running = files.pidFile
      if (running !== undefined && (isAlive(running.gateway) || isAlive(running.guardian))) {
        return yield* failed(kept, "StateInUse", "a process of the gateway still runs")
      }
      yield* moveAway(kept, files.directory, removed)
      yield* Effect.tryPromise({
        try: async () => {
          for (const name of namesIn(removed))
            await rm(join(removed, name), { recursive: true, force: true, maxRetries: 3 })
        },
        catch: (cause) => failed(kept, "LaunchFailed", `cannot remove ${removed}: ${messageOf(cause)}`)
      })
    })
  }
}

/**
 * Whether the directory belongs to this cluster. The marker is written on first use, so that a runner of another
 * database does not treat every folder here as abandoned.
 */
const isHomeOf = (directory: string, cluster: string): boolean => {
  const path = join(directory, "cluster")
  try {
    return readFileSync(path, "utf8") === cluster
  } catch {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    writeFileSync(path, cluster, { mode: 0o600 })
    return true
  }
}

/**
 * Moves the folder with one rename, so that a partly removed folder is never mistaken for a complete one. What a crash
 * leaves in `removed` is deleted with the next removal.
 */
const moveAway = (kept: Kept, directory: string, removed: string): Effect.Effect<void, DriverError> =>
  Effect.try({
    try: () => {
      mkdirSync(removed, { recursive: true, mode: 0o700 })
      renameSync(directory, join(removed, randomUUID()))
    },
    catch: (cause) => cause as NodeJS.ErrnoException
  }).pipe(
    Effect.catch((cause) =>
      cause.code === "ENOENT"
        ? Effect.void
        : failed(kept, "LaunchFailed", `cannot move ${directory}: ${messageOf(cause)}`)
    )
  )

const namesIn = (directory: string): ReadonlyArray<string> => {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : "unknown")

const failed = ({ instanceId }: Kept, reason: DriverError["reason"], message: string): DriverError =>
  new DriverError({ instanceId, reason, message, retryable: true })
