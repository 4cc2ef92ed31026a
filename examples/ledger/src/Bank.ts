/** The world outside, where an activity acts. A payment has a key: it may be asked for again, and is paid once. */
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

export class Bank extends Context.Service<
  Bank,
  { readonly pay: (key: string, cents: number) => Effect.Effect<void> }
>()("ledger/Bank") {
  /** A table in place of a bank. It also keeps which runner asked first. */
  static readonly layer = (runner: string) =>
    Layer.effect(
      Bank,
      Effect.map(SqlClient.SqlClient, (sql) =>
        Bank.of({
          pay: (key, cents) =>
            sql`INSERT INTO bank (key, cents, runner) VALUES (${key}, ${cents}, ${runner}) ON CONFLICT DO NOTHING`.pipe(
              Effect.asVoid,
              Effect.orDie
            )
        })
      )
    )
}
