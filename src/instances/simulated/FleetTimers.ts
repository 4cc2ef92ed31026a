/**
 * Runs all timers of a simulated fleet on one sleeping fiber: thousands of running turns cost one entry each, not a
 * fiber each. Time is the fleet's `Clock`, so a test advances it with `TestClock`.
 */
import { Clock, Effect, Fiber, type Scope } from "effect"

export interface Timer {
  cancel(): void
}

interface Entry extends Timer {
  readonly at: number
  run: (() => void) | undefined
}

export interface Timers {
  readonly now: () => number
  readonly after: (millis: number, run: () => void) => Timer
}

export const make: Effect.Effect<Timers, never, Scope.Scope> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  /** Latest first, so that the next one due is popped from the end. */
  const entries: Array<Entry> = []
  let sleeper: Fiber.Fiber<void> | undefined
  let sleepsUntil = Infinity
  let closed = false

  const position = (at: number): number => {
    let low = 0
    let high = entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (entries[middle]!.at > at) low = middle + 1
      else high = middle
    }
    return low
  }

  const fire = (): void => {
    sleeper = undefined
    sleepsUntil = Infinity
    const now = clock.currentTimeMillisUnsafe()
    while (entries.length > 0 && entries[entries.length - 1]!.at <= now) entries.pop()!.run?.()
    arm()
  }

  const arm = (): void => {
    while (entries.length > 0 && entries[entries.length - 1]!.run === undefined) entries.pop()
    const next = entries[entries.length - 1]
    if (next === undefined || closed || next.at >= sleepsUntil) return
    sleeper?.interruptUnsafe()
    sleepsUntil = next.at
    const millis = Math.max(1, next.at - clock.currentTimeMillisUnsafe())
    sleeper = runFork(Effect.andThen(Effect.sleep(millis), Effect.sync(fire)))
  }

  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      closed = true
      entries.length = 0
      return sleeper === undefined ? Effect.void : Fiber.interrupt(sleeper)
    })
  )

  return {
    now: () => clock.currentTimeMillisUnsafe(),
    after: (millis, run) => {
      const entry: Entry = {
        at: clock.currentTimeMillisUnsafe() + millis,
        run,
        cancel: () => {
          entry.run = undefined
        }
      }
      if (closed) return entry
      entries.splice(position(entry.at), 0, entry)
      arm()
      return entry
    }
  }
})
