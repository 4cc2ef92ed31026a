/**
 * Actors that will not take a message any more although they are addressed: they were removed while nobody could reach
 * them. What is under way to such a one counts as delivered; else it would be tried for ever. Asked only before a
 * delivery that may be a repeated one. Absent: every actor answers some day.
 */
import { Context, Effect } from "effect"

export type IsDeparted = (entityType: string, entityId: string) => Effect.Effect<boolean>

export const Departed = Context.Reference<IsDeparted>("clawster/actor/Departed", {
  defaultValue: () => () => Effect.succeed(false)
})
