import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { program } from "../../examples/subscription.ts"

it.live(
  "the subscription example charges by itself, tells the ledger each charge once, sends every receipt and is listed with its charges",
  () =>
    Effect.map(program, ({ cents, charged, charges, isCancelled, listed, mails, receipts, refusal }) => {
      assert.deepStrictEqual({ isCancelled, refusal }, { isCancelled: true, refusal: "AlreadyStarted" })
      assert.isAtLeast(charges, 3)
      assert.deepStrictEqual(
        charged,
        Array.from({ length: charges }, (_, index) => index + 1)
      )
      assert.deepStrictEqual(listed, [{ charges, receipts, isCancelled: true }])
      assert.deepStrictEqual({ cents, receipts, mails }, { cents: charges * 500, receipts: charges, mails: charges })
    })
)
