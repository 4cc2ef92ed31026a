/**
 * The process of the world outside, for what a runner asks of it: it is done there, whatever becomes of the runner
 * meanwhile, and the answer waits for a runner that is frozen and is lost on one that died.
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
