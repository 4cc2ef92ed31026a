import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { program } from "../../examples/account.ts"

it.live("the account example keeps one deposit for a repeated request and refuses an overdraft", () =>
  Effect.map(program, (result) => assert.deepStrictEqual(result, { balance: 100, refusal: "Overdrawn" }))
)
