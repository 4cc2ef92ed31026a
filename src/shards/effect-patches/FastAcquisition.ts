/**
 * The cluster's sharding, with a shorter pause in its acquisition loop. That loop sleeps for a whole second after it
 * has asked for shards (effect 4.1.0, Sharding.ts), and meanwhile neither takes a shard that has become free nor
 * releases a shard that is wanted elsewhere: a handover that comes a moment after another leaves its shard unavailable
 * for the rest of that second. There is no setting for it, so the loop is given a clock that shortens this sleep. The
 * loop sleeps only while a shard that is assigned to this runner is not its own yet; each iteration costs one small
 * statement.
 */
import { Clock, Duration, Effect, Layer, References } from "effect"
import { Sharding } from "effect/cluster"

const restOfTheCluster = 1_000
const rest = Duration.millis(25)

const isAcquiring = Effect.map(References.CurrentLogAnnotations, ({ fiber }) => fiber === "Shard acquisition loop")

const impatient = (clock: Clock.Clock): Clock.Clock => ({
  currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
  currentTimeMillis: clock.currentTimeMillis,
  currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
  currentTimeNanos: clock.currentTimeNanos,
  monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
  monotonicTimeNanos: clock.monotonicTimeNanos,
  sleep: (duration) =>
    Duration.toMillis(duration) === restOfTheCluster
      ? Effect.flatMap(isAcquiring, (acquiring) => clock.sleep(acquiring ? rest : duration))
      : clock.sleep(duration)
})

export const layer = Sharding.layer.pipe(Layer.provide(Layer.effect(Clock.Clock, Effect.map(Clock.Clock, impatient))))
