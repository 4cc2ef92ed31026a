import { assert, describe, it } from "@effect/vitest"
import { Effect, References, Tracer } from "effect"
import * as Traceparent from "../../src/observability/Traceparent.ts"
import { sampled } from "../../src/observability/Tracing.ts"

const incoming = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

describe("Traceparent", () => {
  it.each([
    undefined,
    "",
    "hello",
    "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"
  ])("does not pass on %j", (header) => {
    assert.isUndefined(Traceparent.parse(header))
  })

  it.effect("is carried through unchanged where no span was made, and names the new span where one was", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Traceparent.current.pipe(Traceparent.within(incoming)), incoming)
      const inner = yield* Traceparent.current.pipe(Effect.withSpan("a"), Traceparent.within(incoming))
      assert.match(inner!, /^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/)
      const off = yield* Traceparent.current.pipe(
        Effect.withSpan("b"),
        Effect.withSpan("a"),
        Effect.provideService(References.TracerEnabled, false),
        Traceparent.within(incoming)
      )
      assert.strictEqual(off, incoming)
      assert.isUndefined(yield* Traceparent.current)
    })
  )

  it.effect.each(["", "b7ad", "b7ad6b716920\u0000331", "x".repeat(100_000)])(
    "does not pass on a span that a caller's envelope names wrongly: %j",
    (spanId) =>
      Effect.gen(function* () {
        const traceId = "0af7651916cd43dd8448eb211c80319c"
        const external = Tracer.externalSpan({ traceId, spanId, sampled: true })
        assert.isUndefined(yield* Effect.provideService(Traceparent.current, Tracer.ParentSpan, external))
      })
  )

  it.effect("every request gets an identity, which is not sampled when nobody traces", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* Traceparent.ensure, yield* Traceparent.ensure]
      assert.match(one, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
      assert.notStrictEqual(one, other)
      assert.strictEqual(yield* Traceparent.ensure.pipe(Traceparent.within(incoming)), incoming)
      assert.strictEqual(Traceparent.correlationId(one), one.slice(3, 35))
    })
  )
})

describe("sampled", () => {
  const countOf = (ratio: number, roots: number) =>
    Effect.map(
      Effect.forEach(Array.from({ length: roots }), () =>
        Effect.gen(function* () {
          const root = yield* Effect.currentSpan
          const child = yield* Effect.withSpan(Effect.currentSpan, "child")
          assert.strictEqual(child.sampled, root.sampled)
          return root.sampled
        }).pipe(Effect.withSpan("root"))
      ),
      (all) => all.filter(Boolean).length
    ).pipe(Effect.provideService(Tracer.Tracer, sampled(Tracer.nativeTracer, ratio)))

  it.effect("takes the share of traces asked for, whole traces only", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* countOf(0, 200), 0)
      assert.strictEqual(yield* countOf(1, 200), 200)
      const some = yield* countOf(0.25, 2_000)
      assert.isAbove(some, 350)
      assert.isBelow(some, 650)
    })
  )

  it.effect("takes the same decision for one trace id everywhere", () =>
    Effect.gen(function* () {
      const remote = Traceparent.parse(incoming.replace(/01$/, "00"))!
      const span = yield* Effect.currentSpan.pipe(
        Effect.withSpan("a", { parent: remote }),
        Effect.provideService(Tracer.Tracer, sampled(Tracer.nativeTracer, 1))
      )
      assert.isFalse(span.sampled)
    })
  )
})
