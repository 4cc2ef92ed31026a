/**
 * The memory of a runner process, asked for by a signal: SIGUSR2 makes it collect its garbage and print what is left.
 */
import { Effect, Layer } from "effect"
import { Sharding } from "effect/cluster"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import type { Running } from "../../test/fixtures/processes/Processes.ts"

/** Bytes. */
export interface Memory {
  /** As the process stood when it was asked. */
  readonly rssFound: number
  /** After its garbage was collected and freed pages were given back. */
  readonly rss: number
  readonly heap: number
  /** Actors in memory. */
  readonly residents: number
}

const prefix = "memory "
const readTimeout = "60 seconds"

/** For the runner: answers `read`. */
export const layerAnswering = Layer.effectDiscard(
  Effect.gen(function* () {
    const sharding = yield* Sharding.Sharding
    const context = yield* Effect.context<never>()
    setFlagsFromString("--expose-gc")
    const collect: (options: object) => void = runInNewContext("gc")
    const answer = Effect.gen(function* () {
      const rssFound = process.memoryUsage.rss()
      for (let n = 0; n < 3; n++) {
        collect({ type: "major", execution: "sync", flavor: "last-resort" })
        yield* Effect.sleep("100 millis")
      }
      const { heapUsed, rss } = process.memoryUsage()
      const residents = yield* sharding.activeEntityCount
      const memory: Memory = { rssFound, rss, heap: heapUsed, residents }
      process.stdout.write(`${prefix}${JSON.stringify(memory)}\n`)
    })
    process.on("SIGUSR2", () => Effect.runForkWith(context)(answer))
  })
)

const printed = (runner: Running): ReadonlyArray<string> =>
  runner
    .output()
    .split("\n")
    .slice(0, -1)
    .filter((line) => line.startsWith(prefix))

export const read = Effect.fnUntraced(function* (runner: Running) {
  const before = printed(runner).length
  yield* runner.signal("SIGUSR2")
  const line = yield* Effect.suspend(() => {
    const lines = printed(runner)
    return lines.length > before ? Effect.succeed(lines.at(-1)!) : Effect.fail("waiting" as const)
  }).pipe(
    Effect.tapError(() => Effect.sleep("20 millis")),
    Effect.eventually,
    Effect.timeoutOrElse({
      duration: readTimeout,
      orElse: () => Effect.die(new Error(`the runner does not say its memory:\n${runner.output().slice(-2_000)}`))
    })
  )
  return JSON.parse(line.slice(prefix.length)) as Memory
})
