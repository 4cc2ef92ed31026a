/** Ids generated at the edge. They sort by time and are unique, because they contain random digits. */
import { Clock, Effect, Random } from "effect"

const digits = 12

export const newId = (prefix: string): Effect.Effect<string> =>
  Effect.gen(function* () {
    const time = (yield* Clock.currentTimeMillis).toString(36).padStart(9, "0")
    const [high, low] = yield* Effect.all([Random.next, Random.next])
    const drawn = [high, low].map((draw) =>
      Math.floor(draw * 36 ** (digits / 2))
        .toString(36)
        .padStart(digits / 2, "0")
    )
    return `${prefix}-${time}-${drawn.join("")}`
  })
