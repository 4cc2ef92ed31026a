/**
 * Tells whether an actor was removed while no runner could reach it, so that it will never accept a message again.
 * Messages to such an actor count as delivered; otherwise the relay would retry them for ever. It is asked only before
 * a delivery that may be a repeated one. By default no actor has departed.
 */
import { Context, Effect } from "effect"

export type IsDeparted = (entityType: string, entityId: string) => Effect.Effect<boolean>

export const Departed = Context.Reference<IsDeparted>("clawster/actor/Departed", {
  defaultValue: () => () => Effect.succeed(false)
})
