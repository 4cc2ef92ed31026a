import { Effect } from "effect"

/**
 * Waits for the first answer of a resource with callbacks, such as a socket, a server, a timer or a child process, and
 * releases the resource on every exit: an answer, a failure, an interruption, or a timeout around the effect. The
 * finalizer of a plain `Effect.callback` runs on interruption only.
 *
 * `acquire` creates the resource and adds its listeners in the same step, so that no event is missed. Only its first
 * call of `resume` counts. `release` runs once, before the effect continues, and must tolerate a resource that has
 * already ended.
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
    // The resource answered while it was being created.
    if (ended) end()
    return Effect.sync(end)
  })
