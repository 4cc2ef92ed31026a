import { Effect } from "effect"

/**
 * Waits for the first answer of a resource that calls back, such as a socket, a server, a timer or a child process, and
 * releases it on every way out: the answer, a failure, an interruption, a timeout around the effect. The finalizer of a
 * plain `Effect.callback` runs on interruption alone.
 *
 * `acquire` creates the one resource and adds its listeners in the same step, so that no event of it is missed, and
 * calls `resume` at most once that counts. `release` runs once, before the effect goes on, and must tolerate a resource
 * that has ended by itself.
 */
export const callbackWith = <Resource, A, E = never, R = never>(
  acquire: (resume: (answer: Effect.Effect<A, E, R>) => void) => Resource,
  release: (resource: Resource) => void
): Effect.Effect<A, E, R> =>
  Effect.callback<A, E, R>((resume) => {
    let held: { readonly resource: Resource } | undefined
    let ended = false
    const end = (): void => {
      ended = true
      const released = held
      held = undefined
      if (released !== undefined) release(released.resource)
    }
    held = {
      resource: acquire((answer) => {
        end()
        resume(answer)
      })
    }
    // It answered while it was being created.
    if (ended) end()
    return Effect.sync(end)
  })
