import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { ofEnd, ofError } from "../../../src/entities/Instance/runs/AttemptOutcomes.ts"
import { SimulatedFleet } from "../../../src/instances/simulated/SimulatedFleet.ts"
import { failureOf } from "../../../src/openclaw/protocol/RunFailures.ts"
import { fromErrorShape } from "../../../src/openclaw/protocol/GatewayErrors.ts"
import { bounds } from "../../../src/schema/text/Bounds.ts"
import { MemoryStore } from "../../../src/actor/memory/MemoryJournal.ts"
import type { InstanceStatus } from "../../../src/schema/Instance.ts"
import { attempt, entityIdOf, instanceEvents, started, told, untilTold, withInstances } from "./InstanceRig.ts"
import { untilVirtually } from "../../fixtures/VirtualTime.ts"

const ofFailure = (reason: string | undefined, message: string) => {
  const { outcome, verdict } = ofEnd({ status: "error", text: "", failure: failureOf(reason, message) }, 1)
  return outcome._tag === "failed" ? [outcome.error.code, outcome.error.retryable, verdict] : []
}

describe("Whose fault a failed run is", () => {
  it.each([
    [undefined, "Borrowed agent database closed", "RUN_FAILED", true, "failure"],
    [undefined, "", "RUN_FAILED", true, "failure"],
    [undefined, "LLM answered HTTP 429", "PROVIDER_RATE_LIMIT", true, "neutral"],
    [undefined, "LLM answered HTTP 401", "PROVIDER_AUTH", false, "neutral"],
    [undefined, "LLM answered HTTP 400", "PROVIDER_FORMAT", false, "neutral"],
    [undefined, "LLM answered HTTP 503", "PROVIDER_SERVER_ERROR", true, "failure"],
    ["format", "no", "PROVIDER_FORMAT", false, "neutral"],
    ["model_not_found", "no", "PROVIDER_MODEL_NOT_FOUND", false, "neutral"],
    ["context_overflow", "no", "PROVIDER_CONTEXT_OVERFLOW", false, "neutral"],
    ["auth", "no", "PROVIDER_AUTH", false, "neutral"],
    ["auth_permanent", "no", "PROVIDER_AUTH_PERMANENT", false, "neutral"],
    ["billing", "no", "PROVIDER_BILLING", false, "neutral"],
    ["rate_limit", "no", "PROVIDER_RATE_LIMIT", true, "neutral"],
    ["overloaded", "no", "PROVIDER_OVERLOADED", true, "neutral"],
    ["session_expired", "no", "PROVIDER_SESSION_EXPIRED", true, "neutral"],
    ["server_error", "no", "PROVIDER_SERVER_ERROR", true, "failure"],
    ["timeout", "no", "PROVIDER_TIMEOUT", true, "failure"],
    ["empty_response", "no", "PROVIDER_EMPTY_RESPONSE", true, "failure"],
    ["no_error_details", "no", "PROVIDER_NO_ERROR_DETAILS", true, "failure"],
    ["unclassified", "no", "PROVIDER_UNCLASSIFIED", true, "failure"],
    ["never heard of", "no", "PROVIDER_NEVER HEARD OF", true, "failure"]
  ] as const)("reason %s, words %s: %s, retryable %s, %s", (reason, message, ...expected) => {
    assert.deepStrictEqual(ofFailure(reason, message), [...expected] as Array<string | boolean>)
  })

  it.each([
    [{ code: "INVALID_REQUEST", message: "bad params" }, "InvalidRequest", false, "neutral"],
    [{ code: "UNAVAILABLE", message: "draining", retryable: true, retryAfterMs: 1_000 }, "none", undefined, undefined],
    [
      { code: "FORBIDDEN", message: "no", details: { missingScope: "operator.write" } },
      "MissingScope",
      true,
      "failure"
    ],
    [{ code: "NOT_PAIRED", message: "no", details: { code: "PAIRING_REQUIRED" } }, "PairingRequired", true, "failure"],
    [
      { code: "INVALID_REQUEST", message: "no", details: { code: "AUTH_TOKEN_MISMATCH" } },
      "AuthenticationFailed",
      true,
      "failure"
    ],
    [
      { code: "INVALID_REQUEST", message: "no", details: { code: "PROTOCOL_MISMATCH" } },
      "ProtocolMismatch",
      true,
      "failure"
    ],
    [{ code: "INTERNAL", message: "boom" }, "INTERNAL", true, "failure"],
    [{ code: "constructor", message: "boom" }, "constructor", true, "failure"],
    [undefined, "RUN_FAILED", true, "failure"],
    ["no object", "RUN_FAILED", true, "failure"]
  ] as const)("refusal %j: %s, retryable %s, %s", (said, code, retryable, verdict) => {
    const judged = ofError(fromErrorShape("agent", said))
    const outcome = judged?.outcome
    const error = outcome?._tag === "failed" ? outcome.error : undefined
    assert.deepStrictEqual([error?.code ?? "none", error?.retryable, judged?.verdict], [code, retryable, verdict])
  })
})

describe("An instance whose gateway", () => {
  it.effect("fails every run at once without a reason, is degraded and says why, until it works again", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      yield* fleet.order("a", {
        _tag: "failure",
        message: `the state folder is gone${"!".repeat(20_000_000)}`,
        turns: 5
      })
      for (let index = 1; index <= 5; index++) {
        yield* client.Execute({ attempt: attempt(`t${index}`, "hello") })
        yield* untilTold(index)
      }
      for (const { outcome } of yield* told) {
        assert.deepInclude((outcome as any).error, { code: "RUN_FAILED", retryable: true })
        assert.isAtMost((outcome as any).error.message.length, bounds.errorMessage)
      }
      yield* TestClock.adjust("10 seconds")
      const bad = yield* client.InstanceGet()
      assert.deepInclude(bad, { breaker: "open", health: "degraded" })
      assert.include(bad.reason, "RUN_FAILED: the state folder is gone")
      assert.isAtMost(bad.reason!.length, bounds.errorMessage)
      yield* untilVirtually(
        "it is tried again",
        Effect.map(client.InstanceGet(), ({ breaker }) => breaker === "half_open")
      )
      for (let index = 6; index <= 8; index++) {
        yield* client.Execute({ attempt: attempt(`t${index}`, "hello") })
        yield* untilTold(index)
      }
      yield* untilVirtually(
        "it is healthy",
        Effect.map(client.InstanceGet(), ({ health }) => health === "healthy")
      )
      assert.strictEqual((yield* client.InstanceGet()).breaker, "closed")
    }).pipe(withInstances())
  )

  it.effect("fails every run at once, looks loaded by it, and refuses by its own fault once its breaker is open", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      yield* fleet.order("a", { _tag: "failure", message: "the state folder is gone", turns: 5 })
      const failures = Effect.map(client.InstanceGet(), ({ recentFailures }) => recentFailures?.count ?? 0)
      assert.strictEqual(yield* failures, 0)
      for (let index = 1; index <= 5; index++) {
        yield* client.Execute({ attempt: attempt(`t${index}`, "hello") })
        yield* untilTold(index)
        assert.isAbove(yield* failures, index - 1)
      }
      const view = (yield* MemoryStore).actors.get(`Instance/${entityIdOf("a")}`)!.view!.doc as InstanceStatus
      assert.isAbove(view.recentFailures!.count, 4, "the view that routers read says so, too")
      yield* client.Execute({ attempt: attempt("t6", "hello") })
      yield* untilTold(6)
      assert.deepInclude((yield* told)[5], { tag: "AttemptRefused", atFault: true } as object)
    }).pipe(withInstances())
  )

  it.effect("does not end runs in their time, looks loaded by it, and no longer once runs succeed", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      yield* fleet.order("a", { _tag: "hang", turns: 3 })
      for (let index = 1; index <= 3; index++)
        yield* client.Execute({ attempt: attempt(`t${index}`, "hello", { timeoutMillis: 1_000 }) })
      yield* untilTold(3)
      const slow = yield* client.InstanceGet()
      assert.isAbove(slow.recentFailures!.count, 2)
      assert.strictEqual(slow.breaker, "closed")
      for (let index = 4; index <= 7; index++) yield* client.Execute({ attempt: attempt(`t${index}`, "hello") })
      yield* untilTold(7)
      assert.isUndefined((yield* client.InstanceGet()).recentFailures)
    }).pipe(withInstances())
  )

  it.effect("drops its link again and again, is unhealthy until it keeps one", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      for (let drop = 0; drop < 6; drop++) {
        yield* fleet.dropSockets("a")
        yield* TestClock.adjust("3 seconds")
      }
      const bad = yield* client.InstanceGet()
      assert.strictEqual(bad.health, "unhealthy")
      assert.include(bad.reason, "lost 5 times within 60 s")
      yield* untilVirtually(
        "it is healthy",
        Effect.map(client.InstanceGet(), ({ health }) => health === "healthy")
      )
      assert.isAtMost((yield* instanceEvents("a")).filter(({ _tag }) => _tag === "instance.healthy").length, 6)
    }).pipe(withInstances())
  )

  it.effect("is away for 25 s, gives up what runs there, to be tried elsewhere, and no later word of it is heard", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      yield* client.Execute({ attempt: attempt("t1", "[[delay 400000]] hello", { timeoutMillis: 600_000 }) })
      yield* TestClock.adjust("2 seconds")
      const from = yield* Clock.currentTimeMillis
      yield* fleet.order("a", { _tag: "unreachable" })
      yield* untilTold(1)
      const took = (yield* Clock.currentTimeMillis) - from
      assert.isAtMost(took, 29_000)
      assert.isAtLeast(took, 20_000)
      assert.deepInclude(((yield* told)[0]!.outcome as any).error, { code: "GatewayLost", retryable: true })
      assert.strictEqual((yield* fleet.snapshot("a")).active, 1)
      yield* fleet.heal("a")
      yield* untilVirtually(
        "what was given up is aborted there",
        Effect.map(fleet.snapshot("a"), ({ active }) => active === 0),
        { millis: 1_000 }
      )
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* told).length, 1)
    }).pipe(withInstances())
  )

  it.effect("is back before that, has its runs followed to their end", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      yield* client.Execute({ attempt: attempt("t1", "[[delay 40000]] hello", { timeoutMillis: 600_000 }) })
      yield* TestClock.adjust("2 seconds")
      for (let time = 0; time < 2; time++) {
        yield* fleet.order("a", { _tag: "unreachable" })
        yield* TestClock.adjust("15 seconds")
        yield* fleet.heal("a")
        yield* TestClock.adjust("6 seconds")
      }
      yield* untilTold(1)
      assert.strictEqual((yield* told)[0]!.outcome?._tag, "completed")
    }).pipe(withInstances())
  )
})
