/**
 * Reads the rows of declared tables (schema/tables/Table.ts), those of an embedder's own actors too: a table needs no
 * reader of its own as long as its rows are found by equality. Rows are written by commits, so a row is there when the
 * caller of the command that wrote it is answered.
 */
import { Context, type Effect } from "effect"
import type { ActorUnavailable, InvalidInput } from "../schema/Errors.ts"
import type { RowOptions } from "../schema/tables/RowQuery.ts"
import type { RowKeyOf, RowOf, Table } from "../schema/tables/Table.ts"
import type { Page } from "./Reads.ts"

export class RowReads extends Context.Service<
  RowReads,
  {
    /**
     * In the order of the key, at most `limit` rows; `next` is the `after` of the following page, and absent on the
     * last. A filter that neither begins the key nor has an index scans the table until the page is full.
     * `InvalidInput` names the value that its column cannot have, or the cursor that no page of this table gave.
     */
    readonly list: <const T extends Table>(
      table: T,
      options: RowOptions<T>
    ) => Effect.Effect<Page<RowOf<T>>, InvalidInput | ActorUnavailable>
    /** Undefined when there is no row of this key. */
    readonly get: <const T extends Table>(
      table: T,
      key: RowKeyOf<T>
    ) => Effect.Effect<RowOf<T> | undefined, InvalidInput | ActorUnavailable>
  }
>()("clawster/ports/RowReads") {}
