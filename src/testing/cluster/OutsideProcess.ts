/**
 * Runs a runner's calls in the process of the outside world. A call is carried out there whatever happens to the runner
 * meanwhile; its answer waits for a runner that is frozen and is lost on a runner that died.
 */
import { Context, Effect, Fiber } from "effect"
import type { Host } from "../world/Host.ts"

export class OutsideProcess extends Context.Service<
  OutsideProcess,
  {
    readonly call: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
  }
>()("clawster/testing/OutsideProcess") {
  static readonly between = (runner: Host, outside: Host): OutsideProcess["Service"] => ({
    call: (effect) =>
      Effect.callback((resume) => {
        const fiber = outside.run(effect)
        fiber.addObserver((exit) => runner.deliver("io", () => resume(exit)))
        return Fiber.interrupt(fiber)
      })
  })
}
