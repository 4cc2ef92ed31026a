/**
 * An actor that does more than answer: a subscription that charges itself by a timer, sends receipts as an activity and
 * reports each charge to another actor, the ledger. docs/actors.md explains it part by part. Run it with `node
 * examples/subscription.ts`.
 */
import { Effect, Layer, Schedule, Schema } from "effect"
import { Entity } from "effect/cluster"
import { SqlClient } from "effect/sql"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  Actor,
  ActorClient,
  actorLayer,
  Cluster,
  command,
  Database,
  defaultPlacement,
  EmbeddedPostgres,
  migrate,
  protocol,
  RowReads,
  rowReadsLayer,
  send,
  table,
  ViewReads,
  viewReadsLayer
} from "../src/index.ts"

// The ledger: the smallest actor.

const Ledger = Entity.fromRpcGroup(
  "ExampleLedger",
  protocol(command("Record", { payload: { cents: Schema.Int } }), command("Total", { success: Schema.Int }))
)

const ledger = Actor.define<{ readonly cents: number }, { readonly _tag: "ledger.recorded"; readonly cents: number }>()(
  {
    entity: Ledger,
    state: Schema.Struct({ cents: Schema.Int }),
    event: Schema.TaggedStruct("ledger.recorded", { cents: Schema.Int }),
    stateVersion: 1,
    initial: () => ({ cents: 0 }),
    evolve: (state, { cents }) => ({ cents: state.cents + cents }),
    commands: {
      Record: (_, { cents }) => Actor.accept([{ _tag: "ledger.recorded", cents }], undefined),
      Total: ({ cents }) => Actor.answer(cents)
    }
  }
)

// The subscription: protocol, state, events.

class AlreadyStarted extends Schema.TaggedError<AlreadyStarted>()("AlreadyStarted", {}) {}

const Status = Schema.Struct({ charges: Schema.Int, receipts: Schema.Int, isCancelled: Schema.Boolean })

const Subscription = Entity.fromRpcGroup(
  "ExampleSubscription",
  protocol(
    command("Start", { payload: { cents: Schema.Int, everyMillis: Schema.Int }, error: AlreadyStarted }),
    command("Cancel", {}),
    command("Status", { success: Status })
  )
)

const State = Schema.Struct({
  /** Absent before `Start`. */
  terms: Schema.optionalKey(Schema.Struct({ cents: Schema.Int, everyMillis: Schema.Int })),
  /** Unix milliseconds; absent when nothing is to be charged. */
  chargeAt: Schema.optionalKey(Schema.Finite),
  charges: Schema.Int,
  /** Charges whose receipt was not sent yet, by number. */
  unsent: Schema.Array(Schema.Int)
})
type State = typeof State.Type

const Event = Schema.Union([
  Schema.TaggedStruct("subscription.started", { cents: Schema.Int, everyMillis: Schema.Int, at: Schema.Finite }),
  Schema.TaggedStruct("subscription.charged", {
    subscription: Schema.String,
    number: Schema.Int,
    at: Schema.Finite,
    nextAt: Schema.Finite
  }),
  Schema.TaggedStruct("subscription.receipt_sent", { number: Schema.Int }),
  Schema.TaggedStruct("subscription.cancelled", {})
])
type Event = typeof Event.Type

const evolve = (state: State, event: Event): State => {
  switch (event._tag) {
    case "subscription.started": {
      const { at, cents, everyMillis } = event
      return { ...state, terms: { cents, everyMillis }, chargeAt: at + everyMillis }
    }
    case "subscription.charged":
      return { ...state, chargeAt: event.nextAt, charges: event.number, unsent: [...state.unsent, event.number] }
    case "subscription.receipt_sent":
      return { ...state, unsent: state.unsent.filter((number) => number !== event.number) }
    case "subscription.cancelled": {
      const { chargeAt: _, ...rest } = state
      return rest
    }
  }
}

const statusOf = ({ chargeAt, charges, terms, unsent }: State): typeof Status.Type => ({
  charges,
  receipts: charges - unsent.length,
  isCancelled: terms !== undefined && chargeAt === undefined
})

/** Each charge, kept as long as history. */
const chargeTable = table({
  name: "example_charges",
  key: ["subscription", "number"],
  columns: { subscription: "text", number: "bigint", cents: "int", at: "bigint" },
  retention: { since: "at", keptAs: "history" }
})

/** What a migration of yours would do. */
const createChargeTable = `CREATE TABLE clawster_example_charges (
  subscription text, number bigint, cents int, at bigint, PRIMARY KEY (subscription, number))`

interface ReceiptSent {
  readonly _tag: "ReceiptSent"
  readonly number: number
}

interface SendReceipt {
  readonly key: string
  readonly number: number
}

export const subscription = Actor.define<State, Event, ReceiptSent, SendReceipt>()({
  entity: Subscription,
  state: State,
  event: Event,
  stateVersion: 1,
  initial: () => ({ charges: 0, unsent: [] }),
  evolve,
  commands: {
    Start: (state, { cents, everyMillis }, { now }) =>
      state.terms === undefined
        ? Actor.accept([{ _tag: "subscription.started", cents, everyMillis, at: now }], undefined)
        : Actor.refuse(new AlreadyStarted()),
    Cancel: (state) =>
      state.chargeAt === undefined
        ? Actor.answer(undefined)
        : Actor.accept([{ _tag: "subscription.cancelled" }], undefined),
    Status: (state) => Actor.answer(statusOf(state))
  },

  // A view: the document that lists show, stored with the commit that changed it.
  view: { schema: Status, of: (state) => (state.terms === undefined ? undefined : { doc: statusOf(state) }) },

  // Rows: one for each charge, in the table that is declared above, stored with the commit that charged.
  tables: [chargeTable],
  rows: (event, _before, { terms }) => {
    if (event._tag !== "subscription.charged") return []
    const { at, number, subscription } = event
    return [{ table: chargeTable, op: "insert", row: { subscription, number, cents: terms!.cents, at } }]
  },

  // A timer: derived from the state, durable, taking effect once.
  timers: ({ chargeAt }) => (chargeAt === undefined ? [] : [{ key: "charge", at: chargeAt }]),
  onTimer: ({ charges, terms }, _key, { entityId, now }) => {
    const { cents, everyMillis } = terms!
    const ofThis = { subscription: entityId, number: charges + 1 }
    return Actor.note(
      [{ _tag: "subscription.charged", ...ofThis, at: now, nextAt: now + everyMillis }],
      [send(Ledger, "all", "Record", { cents })]
    )
  },

  // An activity: the side effect that the state wants, by a key.
  activities: ({ unsent }) => unsent.map((number) => ({ key: `receipt:${number}`, number })),
  signal: ({ unsent }, { number }) =>
    Actor.note(unsent.includes(number) ? [{ _tag: "subscription.receipt_sent", number }] : [])
})

/** What a mail provider would be. The number of the receipt is its idempotency key there: an activity may run again. */
const sent = new Set<string>()
const subscriptionLayer = actorLayer(subscription, {
  perform: ({ number }, self) =>
    Effect.sync(() => void sent.add(`${self.entityId}/${number}`)).pipe(
      Effect.andThen(self.report({ _tag: "ReceiptSent", number }))
    )
})

const database = Layer.unwrap(
  Effect.gen(function* () {
    const { url } = yield* EmbeddedPostgres.start({ directory: mkdtempSync(join(tmpdir(), "subscription-")) })
    const tables = Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(createChargeTable))
    return Layer.effectDiscard(Effect.andThen(migrate, tables)).pipe(Layer.provideMerge(Database.layer({ url })))
  })
)

const cluster = Layer.mergeAll(actorLayer(ledger), subscriptionLayer, viewReadsLayer, rowReadsLayer).pipe(
  Layer.provideMerge(Cluster.layerSingle({ serves: [defaultPlacement] })),
  Layer.provide(database)
)

export const program = Effect.gen(function* () {
  const ada = (yield* ActorClient.make(Subscription))("ada")
  const total = (yield* ActorClient.make(Ledger))("all").Total()
  yield* ada.Start({ cents: 500, everyMillis: 100 })
  const again = yield* Effect.flip(ada.Start({ cents: 1, everyMillis: 1 }))
  yield* ada
    .Status()
    .pipe(
      Effect.repeat({ until: ({ charges }) => charges >= 3, schedule: Schedule.spaced("20 millis") }),
      Effect.timeout("20 seconds")
    )
  yield* ada.Cancel()
  const { charges, isCancelled } = yield* ada.Status()
  const settled = Effect.gen(function* () {
    return { cents: yield* total, receipts: (yield* ada.Status()).receipts }
  })
  const { cents, receipts } = yield* settled.pipe(
    Effect.repeat({
      until: ({ cents, receipts }) => cents === charges * 500 && receipts === charges,
      schedule: Schedule.spaced("20 millis")
    }),
    Effect.timeout("20 seconds")
  )
  const { items: listed } = yield* (yield* ViewReads).list(Subscription, Status, { limit: 10 })
  const rows = yield* RowReads
  const where = { subscription: "ada" }
  const first = yield* rows.list(chargeTable, { where, limit: 2 })
  const rest = yield* rows.list(chargeTable, { where, after: first.next, limit: 1_000 })
  const charged = [...first.items, ...rest.items].map(({ number }) => number)
  return { refusal: again._tag, listed, charged, isCancelled, charges, cents, receipts, mails: sent.size }
}).pipe(Effect.provide(cluster))

if (import.meta.main) console.log(await Effect.runPromise(program))
