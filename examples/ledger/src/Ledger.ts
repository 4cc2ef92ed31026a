/**
 * An account of money. A payment is made when it is due: by a timer, which tells the auditor and writes a row; then an
 * activity asks the bank for it.
 */
import { Actor, actorLayer, command, protocol, type Self, send } from "clawster"
import { Effect, Schema } from "effect"
import { Entity } from "effect/cluster"
import { Auditor } from "./Auditor.ts"
import { Bank } from "./Bank.ts"

export class Overdrawn extends Schema.TaggedError<Overdrawn>()("Overdrawn", { balance: Schema.Int }) {}

export const Ledger = Entity.fromRpcGroup(
  "Ledger",
  protocol(
    command("Deposit", { payload: { cents: Schema.Int }, success: Schema.Int }),
    command("Withdraw", { payload: { cents: Schema.Int }, success: Schema.Int, error: Overdrawn }),
    command("PayLater", { payload: { cents: Schema.Int, at: Schema.Finite } }),
    command("Balance", { success: Schema.Int })
  )
)

const Payment = Schema.Struct({ number: Schema.Int, cents: Schema.Int })
type Payment = typeof Payment.Type

const State = Schema.Struct({
  ledger: Schema.String,
  balance: Schema.Int,
  /** Number of the last payment that was planned. */
  last: Schema.Int,
  planned: Schema.Array(Schema.Struct({ ...Payment.fields, at: Schema.Finite })),
  /** Payments that were made and of which the bank has not heard. */
  unpaid: Schema.Array(Payment)
})
type State = typeof State.Type

const Event = Schema.Union([
  Schema.TaggedStruct("ledger.changed", { cents: Schema.Int }),
  Schema.TaggedStruct("ledger.planned", { ...Payment.fields, at: Schema.Finite }),
  Schema.TaggedStruct("ledger.made", Payment.fields),
  Schema.TaggedStruct("ledger.paid", { number: Schema.Int })
])
type Event = typeof Event.Type

export interface Paid {
  readonly _tag: "Paid"
  readonly number: number
}

export interface Pay extends Payment {
  readonly key: string
}

const without = <A extends { readonly number: number }>(payments: ReadonlyArray<A>, number: number) =>
  payments.filter((payment) => payment.number !== number)

const evolve = (state: State, event: Event): State => {
  const { balance, planned, unpaid } = state
  switch (event._tag) {
    case "ledger.changed":
      return { ...state, balance: balance + event.cents }
    case "ledger.planned": {
      const { at, cents, number } = event
      return { ...state, last: number, planned: [...planned, { number, cents, at }] }
    }
    case "ledger.made": {
      const { cents, number } = event
      return {
        ...state,
        balance: balance - cents,
        planned: without(planned, number),
        unpaid: [...unpaid, { number, cents }]
      }
    }
    case "ledger.paid":
      return { ...state, unpaid: without(unpaid, event.number) }
  }
}

/** What lists show. */
export const Status = Schema.Struct({ balance: Schema.Int, planned: Schema.Int, paid: Schema.Int })

/** `clawster_ledger_payments`, made by Migrations.ts. */
export const payments: Actor.Table = {
  name: "ledger_payments",
  key: ["ledger", "number"],
  columns: { ledger: "text", number: "int", cents: "int", paid: "boolean" }
}

const rows = (event: Event, { ledger }: State): ReadonlyArray<Actor.RowWrite> => {
  switch (event._tag) {
    case "ledger.made":
      return [
        {
          table: payments,
          op: "insert",
          row: { ledger, number: event.number, cents: event.cents, paid: false }
        }
      ]
    case "ledger.paid":
      return [{ table: payments, op: "update", row: { ledger, number: event.number, paid: true } }]
    default:
      return []
  }
}

export const ledger = Actor.define<State, Event, Paid, Pay>()({
  entity: Ledger,
  state: State,
  event: Event,
  stateVersion: 1,
  initial: (ledger) => ({ ledger, balance: 0, last: 0, planned: [], unpaid: [] }),
  evolve,
  commands: {
    Deposit: ({ balance }, { cents }) => Actor.accept([{ _tag: "ledger.changed", cents }], balance + cents),
    Withdraw: ({ balance }, { cents }) =>
      cents > balance
        ? Actor.refuse(new Overdrawn({ balance }))
        : Actor.accept([{ _tag: "ledger.changed", cents: -cents }], balance - cents),
    PayLater: ({ last }, { at, cents }) =>
      Actor.accept([{ _tag: "ledger.planned", number: last + 1, cents, at }], undefined),
    Balance: ({ balance }) => Actor.answer(balance)
  },
  view: {
    schema: Status,
    of: ({ balance, last, planned, unpaid }) => ({
      doc: { balance, planned: planned.length, paid: last - planned.length - unpaid.length }
    })
  },
  rows,
  timers: ({ planned }) => planned.map(({ at, number }) => ({ key: String(number), at })),
  onTimer: ({ planned }, key, { entityId }) => {
    const { cents, number } = planned.find((payment) => String(payment.number) === key)!
    return Actor.note(
      [{ _tag: "ledger.made", number, cents }],
      [send(Auditor, "all", "Record", { ledger: entityId, number, cents })]
    )
  },
  activities: ({ unpaid }) => unpaid.map((payment) => ({ ...payment, key: `pay:${payment.number}` })),
  signal: ({ unpaid }, { number }) =>
    Actor.note(unpaid.some((payment) => payment.number === number) ? [{ _tag: "ledger.paid", number }] : [])
})

/** Each payment has one key at the bank, whoever asks for it and how often. */
export const perform = ({ cents, number }: Pay, self: Self<State, Paid>) =>
  Effect.gen(function* () {
    yield* (yield* Bank).pay(`${self.entityId}/${number}`, cents)
    yield* self.report({ _tag: "Paid", number })
  })

export const ledgerLayer = actorLayer(ledger, { perform })
