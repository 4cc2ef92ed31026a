/** What each program does with ledgers, and what it then reads. */
import { ActorClient, ViewReads } from "clawster"
import { Clock, Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { Auditor } from "./Auditor.ts"
import { Ledger, Status } from "./Ledger.ts"

const names = ["ada", "bob", "cyd", "dan"]

/**
 * Deposits 1,000 in each, twice under one request id, tries to withdraw too much, and plans two payments: one due at
 * once, one later. Returns the refusals.
 */
export const plan = Effect.fn("plan")(function* (laterMillis: number) {
  const ledgers = yield* ActorClient.make(Ledger)
  const now = yield* Clock.currentTimeMillis
  return yield* Effect.forEach(names, (name) =>
    Effect.gen(function* () {
      const ledger = ledgers(name)
      yield* ledger.Deposit({ cents: 1_000 }, { requestId: "salary" })
      yield* ledger.Deposit({ cents: 1_000 }, { requestId: "salary" })
      const refusal = yield* Effect.flip(ledger.Withdraw({ cents: 5_000 }))
      yield* ledger.PayLater({ cents: 100, at: now }, { requestId: "rent" })
      yield* ledger.PayLater({ cents: 250, at: now + laterMillis }, { requestId: "tax" })
      return refusal._tag
    })
  )
})

/** Waits until of each ledger so many payments are paid, by its view. */
export const untilPaid = Effect.fn("untilPaid")(function* (wanted: number) {
  const { get } = yield* ViewReads
  const paid = Effect.forEach(names, (name) => Effect.map(get(Ledger, Status, name), (status) => status?.paid ?? 0))
  yield* paid.pipe(
    Effect.repeat({
      until: (counts) => counts.every((count) => count >= wanted),
      schedule: Schedule.spaced("20 millis")
    }),
    Effect.timeout("120 seconds")
  )
})

/** The runner that asked the bank for each ledger's first payment: it owned the ledger then. */
export const owners = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ ledger: string; runner: string }>`
    SELECT split_part(key, '/', 1) AS ledger, runner FROM bank WHERE key LIKE '%/1' ORDER BY key`
  return Object.fromEntries(rows.map(({ ledger, runner }) => [ledger, runner]))
})

/** Everything that is to be seen of the ledgers, once the auditor was told of `payments` payments. */
export const seen = Effect.fn("seen")(function* (payments: number) {
  const sql = yield* SqlClient.SqlClient
  const ledgers = yield* ActorClient.make(Ledger)
  const auditor = (yield* ActorClient.make(Auditor))("all")
  const totals = yield* auditor
    .Totals()
    .pipe(
      Effect.repeat({ until: (totals) => totals.payments >= payments, schedule: Schedule.spaced("20 millis") }),
      Effect.timeout("60 seconds")
    )
  return {
    totals,
    salaries: yield* Effect.forEach(names, (name) => ledgers(name).Deposit({ cents: 1_000 }, { requestId: "salary" })),
    balances: yield* Effect.forEach(names, (name) => ledgers(name).Balance()),
    views: (yield* (yield* ViewReads).list(Ledger, Status, { limit: 10 })).items,
    rows: yield* sql`SELECT ledger, number, cents, paid FROM clawster_ledger_payments ORDER BY ledger, number`,
    bank: yield* sql`SELECT key, cents FROM bank ORDER BY key`
  }
})
