import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { read } from "../../../src/runners/settings/DeploymentCapsSetting.ts"

describe("the caps of the deployment", () => {
  it.effect("are read from JSON, and refused at start with each field at fault", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read('{"running": 100, "sessions": 0}'), { running: 100, sessions: 0 })
      const { message } = yield* Effect.flip(read('{"running": 0, "tasks": 1}'))
      assert.match(message, /^CLAWSTER_DEPLOYMENT_CAPS: .*running: expected/)
      assert.match(message, /tasks: expected no such field/)
    })
  )
})
