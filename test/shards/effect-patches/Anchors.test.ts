import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Anchors from "../../../src/shards/effect-patches/Anchors.ts"

const source = Anchors.anchors.map(({ text }) => text).join("\n")

describe("the anchors of the patches", () => {
  it.effect("are all in the installed version of effect", () => Anchors.check)

  it.effect("stop a start when one is gone, and the error names the patch, the text and the way out", () =>
    Effect.gen(function* () {
      const without = source.replace("Effect.sleep(1000)", "Effect.sleep(500)")
      const start = Layer.build(
        Layer.effectDiscard(Anchors.checkAll(Anchors.anchors, () => Effect.succeed(without)))
      ).pipe(Effect.scoped)
      const error = yield* Effect.flip(start)
      assert.include(error.message, "FastAcquisition relies on `Effect.sleep(1000)` in effect/cluster/Sharding")
      assert.include(error.advice, "npm ci")
    })
  )

  it.effect("are not asked for where the sources cannot be read", () =>
    Anchors.checkAll(Anchors.anchors, () => Effect.undefined)
  )

  it.effect("belong to patches that are there, each with a row in the table", () =>
    Effect.gen(function* () {
      const { existsSync, readFileSync } = yield* Effect.promise(() => import("node:fs"))
      const folder = new URL("../../../src/shards/effect-patches/", import.meta.url)
      const table = readFileSync(new URL("README.md", folder), "utf8")
      for (const { patch } of Anchors.anchors) {
        const isThere = [`./${patch}.ts`, `../../actor/runtime/${patch}.ts`].some((path) =>
          existsSync(new URL(path, folder))
        )
        assert.isTrue(isThere && table.includes(patch), patch)
      }
    })
  )
})
