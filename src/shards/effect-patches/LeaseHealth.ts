/**
 * Reports the health of runners as the storage has it: leases and the failure detector decide, and the cluster's own
 * prober changes nothing.
 */
import { Effect, Layer } from "effect"
import { RunnerHealth, RunnerStorage } from "effect/cluster"

export const layer = Layer.effect(
  RunnerHealth.RunnerHealth,
  Effect.map(RunnerStorage.RunnerStorage, (storage) => ({
    isAlive: (address) =>
      storage.getRunners.pipe(
        Effect.map((runners) =>
          runners.some(
            ([runner, alive]) => alive && runner.address.host === address.host && runner.address.port === address.port
          )
        ),
        Effect.orElseSucceed(() => true)
      )
  }))
)
