/**
 * When an actor may store events that the version before cannot read: an actor that moves to a runner of that version
 * could not be loaded there. So such events wait until every registered runner is of a version that reads them.
 */
import { Context, Effect } from "effect"

/** What this version reads and stores: 2 has slots. Raised with the first event that the version before cannot read. */
export const storedFormat = 2

export interface StoredFormatsShape {
  /**
   * Waits until every live registered runner reads `storedFormat`; never fails, and waits on while the store does not
   * answer. A runner of an older version that joins afterwards cannot serve what was stored since.
   */
  readonly readByAll: Effect.Effect<void>
  /** Whether that is so by now. */
  readonly isReadByAll: () => boolean
}

/** By default there is no other version. */
export const StoredFormats = Context.Reference<StoredFormatsShape>("clawster/ports/runners/StoredFormats", {
  defaultValue: () => ({ readByAll: Effect.void, isReadByAll: () => true })
})
