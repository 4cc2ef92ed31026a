/**
 * The cluster's sharding, made to notice that a runner has come back at its address with other placements. A process
 * learns which placements a runner serves from the runner's registration, and the module takes two registrations of one
 * address for the same runner, whatever their groups (effect 4.1.0, Runner.ts). When a runner was killed and started
 * again before anybody had found it gone, its new placements would get nothing, and its former ones would keep it. So
 * such a runner is left out of one reading: the module removes the former one, and finds the new one by the next.
 */
import { Effect, Equal, Layer, Option } from "effect"
import { type Runner, RunnerStorage, ShardingConfig } from "effect/cluster"

type Registered = readonly [runner: Runner.Runner, healthy: boolean]

const isSame = (left: ReadonlyArray<string>, right: ReadonlyArray<string>): boolean =>
  left.length === right.length && left.every((group, at) => group === right[at])

/** Keeps what was last shown of each address, and answers what to show of the next reading. */
const make = (isOwn: (runner: Runner.Runner) => boolean) => {
  let known = new Map<string, ReadonlyArray<string>>()
  return (runners: ReadonlyArray<Registered>): Array<Registered> => {
    const next: typeof known = new Map()
    const shown = runners.filter(([runner]) => {
      const address = `${runner.address.host}:${runner.address.port}`
      const before = known.get(address)
      if (before !== undefined && !isSame(before, runner.groups) && !isOwn(runner)) return false
      next.set(address, runner.groups)
      return true
    })
    known = next
    return shown
  }
}

const storage = Layer.effect(
  RunnerStorage.RunnerStorage,
  Effect.gen(function* () {
    const storage = yield* RunnerStorage.RunnerStorage
    const { runnerAddress } = yield* ShardingConfig.ShardingConfig
    // A runner that does not find itself registers again, so it is always shown to itself.
    const show = make(({ address }) => Option.isSome(runnerAddress) && Equal.equals(address, runnerAddress.value))
    return RunnerStorage.RunnerStorage.of({ ...storage, getRunners: Effect.map(storage.getRunners, show) })
  })
)

/** Only for the sharding: every other reader is to see each runner in each reading. */
export const noticed = <A, E, R>(sharding: Layer.Layer<A, E, R>) => Layer.provide(sharding, storage)
