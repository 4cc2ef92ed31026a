/**
 * The auditor is told every payment of every ledger by a message, and adds them up. It counts each message it takes.
 */
import { Actor, actorLayer, command, protocol } from "clawster"
import { Schema } from "effect"
import { Entity } from "effect/cluster"

const Totals = Schema.Struct({ payments: Schema.Int, cents: Schema.Int })

export const Auditor = Entity.fromRpcGroup(
  "LedgerAuditor",
  protocol(
    command("Record", { payload: { ledger: Schema.String, number: Schema.Int, cents: Schema.Int } }),
    command("Totals", { success: Totals })
  )
)

const Recorded = Schema.TaggedStruct("auditor.recorded", {
  ledger: Schema.String,
  number: Schema.Int,
  cents: Schema.Int
})

export const auditor = Actor.define<typeof Totals.Type, typeof Recorded.Type>()({
  entity: Auditor,
  state: Totals,
  event: Recorded,
  stateVersion: 1,
  initial: () => ({ payments: 0, cents: 0 }),
  evolve: (totals, { cents }) => ({ payments: totals.payments + 1, cents: totals.cents + cents }),
  commands: {
    Record: (_, payment) => Actor.accept([{ _tag: "auditor.recorded", ...payment }], undefined),
    Totals: (totals) => Actor.answer(totals)
  }
})

export const auditorLayer = actorLayer(auditor)
