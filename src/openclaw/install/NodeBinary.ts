/**
 * Finds the Node that runs OpenClaw: the one that runs this process when it is new enough, else the `node` dependency
 * of this package.
 */
import { Effect, Schema } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"

/** No Node that OpenClaw accepts was found. */
export class NodeTooOld extends Schema.TaggedError<NodeTooOld>()("NodeTooOld", {
  found: Schema.String,
  message: Schema.String
}) {}

/** OpenClaw 2026.9 requires Node 24.16 or later of the 24 line, or 26.1 or later. */
export const isSupported = (version: string): boolean => {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number)
  return (major === 24 && minor >= 16) || (major === 26 && minor >= 1) || major > 26
}

/** The absolute path of a Node binary that OpenClaw accepts. */
export const find: Effect.Effect<string, NodeTooOld> = Effect.suspend(() => {
  if (isSupported(process.version)) return Effect.succeed(process.execPath)
  const bundled = bundledNode()
  if (bundled !== undefined) return Effect.succeed(bundled)
  return Effect.fail(
    new NodeTooOld({
      found: process.version,
      message:
        `OpenClaw needs Node 24.16 or later, this is ${process.version}. ` +
        "Run npm ci, which installs one beside Clawster, or use a newer Node"
    })
  )
})

const bundledNode = (): string | undefined => {
  try {
    const manifest = createRequire(import.meta.url).resolve("node/package.json")
    const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string }
    const binary = join(dirname(manifest), "bin", "node")
    return isSupported(version) && existsSync(binary) ? binary : undefined
  } catch {
    return undefined
  }
}
