import { assert, describe, it } from "@effect/vitest"
import { initial, type Head } from "../../../src/entities/Session/SessionState.ts"
import { draft } from "../../../src/entities/Session/SessionDraft.ts"
import { onEnded } from "../../../src/entities/Session/TurnTransitions.ts"

describe("a turn that failed", () => {
  it("waits by its failed attempts, among which those on lost instances do not count", () => {
    const head: Head = {
      turn: { turnId: "t", message: "hello", timeoutMillis: 60_000, acceptedAt: 0 },
      step: "sent",
      attempt: 5,
      reroutes: 3,
      tries: 4,
      waitsSince: 0,
      deadlineAt: 60_000
    }
    const change = draft({ ...initial("acme/s"), phase: "active", head })
    const error = { code: "ProviderUnavailable", message: "try later", retryable: true }
    onEnded(change, head, { _tag: "failed", error }, 10_000)
    assert.deepInclude(change.events[0], { _tag: "session.internal_put_off", attempt: 6, retryAt: 12_000 })
  })
})
