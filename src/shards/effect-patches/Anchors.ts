/**
 * The patches of this folder work around exact places in the sources of `effect` 4.1.0. Each names the text that it
 * relies on. A runner looks for these texts when it starts and refuses to start when one is missing, because a patch
 * without its anchor would be off in silence. README.md says how to move to another version.
 */
import { Effect, Schema } from "effect"
import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"

export interface Anchor {
  readonly patch: string
  /** A module of `effect`, as it is imported. */
  readonly module: string
  readonly text: string
}

export const anchors: ReadonlyArray<Anchor> = [
  { patch: "FastAcquisition", module: "effect/cluster/Sharding", text: `fiber: "Shard acquisition loop"` },
  { patch: "FastAcquisition", module: "effect/cluster/Sharding", text: "Effect.sleep(1000)" },
  { patch: "RenewalGrace", module: "effect/cluster/Sharding", text: "Effect.timeout(shardLockInterval)" },
  { patch: "LeaseChecks", module: "effect/cluster/Sharding", text: "runnerStorage.refresh(" },
  { patch: "LeaseHealth", module: "effect/cluster/Sharding", text: "runnerHealth.isAlive(runner.address)" },
  { patch: "ChangedGroups", module: "effect/cluster/Runner", text: "this.weight === that.weight" },
  {
    patch: "ChangedGroups",
    module: "effect/cluster/Sharding",
    text: "const wasHealthy = MutableHashSet.has(healthyRunners, runner)"
  },
  { patch: "BoundedClose", module: "effect/rpc/RpcServer", text: "shutdownLatch.await" },
  { patch: "ContextTrim", module: "effect/cluster/Sharding", text: "registrationContext" }
]

/** Fails a start: a patch does not find what it relies on. */
export class PatchWithoutAnchor extends Schema.TaggedError<PatchWithoutAnchor>()("PatchWithoutAnchor", {
  message: Schema.String,
  advice: Schema.String
}) {}

/** Undefined where the sources are not there to be read, as in a bundle of one file. */
const sourceOf = (module: string): Effect.Effect<string | undefined> =>
  Effect.promise(() => readFile(fileURLToPath(import.meta.resolve(module)), "utf8").catch(() => undefined))

/** Fails with `PatchWithoutAnchor` for the first anchor that is missing from a source that can be read. */
export const checkAll = Effect.fnUntraced(function* (
  wanted: ReadonlyArray<Anchor>,
  read: (module: string) => Effect.Effect<string | undefined>
) {
  const sources = new Map<string, string | undefined>()
  for (const { module, patch, text } of wanted) {
    if (!sources.has(module)) sources.set(module, yield* read(module))
    const source = sources.get(module)
    if (source === undefined || source.includes(text)) continue
    return yield* new PatchWithoutAnchor({
      message: `the patch ${patch} relies on \`${text}\` in ${module}, which the installed version of effect has not`,
      advice: "install effect 4.1.0, as package-lock.json says (npm ci)"
    })
  }
})

/** Reads the sources of `effect` that this process runs. */
export const check = checkAll(anchors, sourceOf)
