/**
 * The campaign's callers: an open loop, so calls keep coming at their rate whatever becomes of those before them. Each
 * has a request id of its own. One that fails for good is counted, and then sent again under the same id, as an
 * application would.
 */
import { Effect, Exit, Fiber, Scope } from "effect"
import * as ActorClient from "../src/actor/ActorClient.ts"
import { Lane } from "../src/entities/Lane.ts"
import { InstanceId, laneEntityId, TaskId } from "../src/schema/Ids.ts"
import type { TaskSpec } from "../src/schema/Task.ts"
import { Counter } from "../test/fixtures/Counter.ts"
import { lanes, realGateways, realLane, simulatedCapability, tenantId } from "./World.ts"

export const keys = Array.from({ length: 60 }, (_, n) => `key-${n}`)
export const inboxes = Array.from({ length: 20 }, (_, n) => `inbox-${n}`)
export const workers = Array.from({ length: 20 }, (_, n) => `worker-${n}`)

export type Kind = "Add" | "Get" | "Pass" | "Work" | "Submit"

export interface Call {
  readonly kind: Kind
  /** The counter, or the lane. */
  readonly key: string
  /** Request id, or task id. */
  readonly id: string
  /** Milliseconds of a clock that never steps back, as all times here. */
  readonly sentAt: number
  ackedAt?: number
  answer?: unknown
  /** What its key had answered for certain when it was sent. */
  readonly floor: number
  /** Why its client gave up, each time it did. */
  readonly failures: Array<string>
}

/**
 * Per second. Each key is called every quarter of a second. On two cores that also carry PostgreSQL, the runners, two
 * gateways and this campaign, these leave a quarter of the processors' time idle, so that a runner's start finds room;
 * at twice the rate a restart shows as silence for want of processors alone.
 */
export interface Rates {
  readonly Add: number
  readonly Get: number
  readonly Pass: number
  readonly Work: number
  readonly Submit: number
  readonly real: number
}

export const steadyRates: Rates = { Add: 240, Get: 30, Pass: 10, Work: 5, Submit: 10, real: 0.1 }

const callTimeoutMillis = 30_000
const giveUpMillis = 240_000
/** After as many failures, with a random part so that callers who failed together do not come back together. */
const pauseMillis = (failures: number) => Math.min(1_000 * 2 ** (failures - 1), 8_000) * (0.5 + Math.random() / 2)
const now = () => performance.now()

const inboxOf = (id: string) => inboxes[Number(id.slice(id.lastIndexOf("-") + 1)) % inboxes.length]!

const taskOf = (id: string, lane: (typeof lanes)[number], real: number | undefined): TaskSpec => ({
  taskId: TaskId.make(id),
  tenantId,
  lane,
  payload: { message: real === undefined ? `work ${id}` : `take your time [[delay 1000]] [[id ${id}]]` },
  priority: "normal",
  hints:
    real === undefined
      ? { requiredCapabilities: [simulatedCapability] }
      : { instanceId: InstanceId.make(realGateways[real % realGateways.length]!) },
  retry: { maxAttempts: 15, backoffMillis: 500, maxBackoffMillis: 5_000 },
  timeoutMillis: 60_000
})

export const make = Effect.fnUntraced(function* () {
  const counter = yield* ActorClient.make(Counter)
  const laneOf = yield* ActorClient.make(Lane)
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  const highest = new Map<string, number>()
  const open = new Set<Call>()
  let calls: Array<Call> = []
  let phase = "warm-up"
  let serial = 0

  const send = (call: Call, real: number | undefined): Effect.Effect<unknown, unknown> => {
    const options = { requestId: call.id, timeoutMillis: callTimeoutMillis }
    switch (call.kind) {
      case "Add":
        return counter(call.key).Add({ by: 1 }, options)
      case "Get":
        return counter(call.key).Get(undefined, options)
      case "Pass":
        return counter(call.key).Pass({ to: inboxOf(call.id), by: 1 }, options)
      case "Work":
        return counter(call.key).Work({ job: call.id }, options)
      case "Submit": {
        const lane = lanes.find((name) => name === call.key) ?? realLane
        return laneOf(laneEntityId(tenantId, lane)).Submit({ tasks: [taskOf(call.id, lane, real)] }, options)
      }
    }
  }

  const run = (call: Call, real: number | undefined) => {
    const attempt: Effect.Effect<void> = Effect.matchCauseEffect(send(call, real), {
      onSuccess: (answer) =>
        Effect.sync(() => {
          call.ackedAt = now()
          call.answer = answer
          open.delete(call)
          if (typeof answer === "number") highest.set(call.key, Math.max(highest.get(call.key) ?? 0, answer))
        }),
      onFailure: (cause) =>
        Effect.suspend(() => {
          call.failures.push(String(cause).slice(0, 300))
          if (now() - call.sentAt > giveUpMillis) return Effect.void
          return Effect.delay(attempt, pauseMillis(call.failures.length))
        })
    })
    return attempt
  }

  const start = (kind: Kind, key: string, real?: number) =>
    Effect.suspend(() => {
      const id = `${phase}-${kind}-${serial++}`
      const call: Call = { kind, key, id, sentAt: now(), floor: highest.get(key) ?? 0, failures: [] }
      calls.push(call)
      open.add(call)
      return Effect.forkIn(run(call, real), scope)
    })

  const one = (kind: Kind | "real", n: number) => {
    switch (kind) {
      case "Add":
      case "Get":
        return start(kind, keys[n % keys.length]!)
      case "Pass":
      case "Work":
        return start(kind, workers[n % workers.length]!)
      case "Submit":
        return start(kind, lanes[n % lanes.length]!)
      case "real":
        return start("Submit", realLane, n)
    }
  }

  /** Sends what is due since the last look, so that a late look sends more, not less. */
  const steady = (rates: Rates) =>
    Effect.gen(function* () {
      const beganAt = now()
      const sent: Record<string, number> = {}
      while (true) {
        for (const [kind, rate] of Object.entries(rates) as Array<[Kind | "real", number]>) {
          const due = Math.floor(((now() - beganAt) / 1_000) * rate)
          for (let n = sent[kind] ?? 0; n < due; n++) yield* one(kind, n)
          sent[kind] = due
        }
        yield* Effect.sleep("10 millis")
      }
    })

  const fiber = { current: undefined as Fiber.Fiber<unknown> | undefined }
  return {
    /** Everything from here on belongs to this phase. */
    begin: (name: string) =>
      Effect.sync(() => {
        phase = name
        calls = []
      }),
    resume: (rates: Rates) =>
      Effect.gen(function* () {
        fiber.current = yield* Effect.forkIn(steady(rates), scope)
      }),
    pause: Effect.suspend(() => (fiber.current === undefined ? Effect.void : Fiber.interrupt(fiber.current))),
    /** As many submits at once. */
    storm: (count: number) =>
      Effect.forEach(Array.from({ length: count }), (_, n) => one("Submit", n), { discard: true }),
    calls: (): ReadonlyArray<Call> => calls,
    unanswered: () => open.size
  }
})

export type Load = Effect.Success<ReturnType<typeof make>>
