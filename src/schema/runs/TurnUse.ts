/** What a lane says of a session's turn that it returns. */
import { Schema } from "effect"

/**
 * `ran`: an attempt ended at the instance. `lost`: the attempt was given up, and the instance may not answer. `unused`:
 * nothing was started. `refused`: the instance did not accept the attempt; the lane goes on asking for this turn.
 */
export const TurnUse = Schema.Union([
  Schema.TaggedStruct("ran", {}),
  Schema.TaggedStruct("lost", {}),
  Schema.TaggedStruct("unused", {}),
  Schema.TaggedStruct("refused", {
    reason: Schema.String,
    retryAfterMillis: Schema.Int,
    atFault: Schema.optionalKey(Schema.Boolean)
  })
])
export type TurnUse = typeof TurnUse.Type
