/**
 * Ledgers on a simulated cluster under faults: `node dist/simulation.js SEEDS`. Beside the package's checks there is
 * one of our own. Two bugs are planted after that, each of which the checks find.
 */
import { Actor, ActorClient, actorLayer } from "clawster"
import { type Fault, OutsideProcess, Simulation, type Watcher, Workload } from "clawster/testing"
import { Clock, Effect, Layer, Random } from "effect"
import { auditor, auditorLayer } from "./Auditor.ts"
import { Bank } from "./Bank.ts"
import { Ledger, ledger, ledgerLayer, perform } from "./Ledger.ts"

const names = ["ada", "bob", "cyd"]

const workload = Effect.gen(function* () {
  const { call, repeat } = yield* Workload
  const client = yield* ActorClient.make(Ledger)
  let n = 0
  const step = Effect.gen(function* () {
    const name = yield* Random.choice(names)
    const actor = `Ledger/${name}`
    const requestId = `request-${++n}`
    const deposit = client(name).Deposit({ cents: 100 }, { requestId })
    yield* call({ actor, command: "Deposit", requestId, changes: true }, deposit)
    const at = (yield* Clock.currentTimeMillis) + (yield* Random.nextIntBetween(0, 5_000))
    const later = client(name).PayLater({ cents: 10, at }, { requestId: `later-${requestId}` })
    yield* call({ actor, command: "PayLater", requestId: `later-${requestId}`, changes: true }, later)
    const balance = (state: { readonly balance: number }) => state.balance
    yield* call({ actor, command: "Balance", reads: balance }, client(name).Balance())
  })
  yield* repeat(step, "300 millis")
})

/** A bank that counts what it pays under each key, however often it is asked. */
const simulatedBank = (paid: Map<string, number>) =>
  Layer.succeed(
    Bank,
    Bank.of({
      pay: (key, cents) =>
        Effect.andThen(
          Effect.sleep("200 millis"),
          Effect.sync(() => void paid.set(key, cents))
        )
    })
  )

/** A bank that a runner asks; once it is asked it pays, whatever becomes of the runner. */
const askedBank = Layer.effect(
  Bank,
  Effect.gen(function* () {
    const { call } = yield* OutsideProcess
    const bank = yield* Bank
    return Bank.of({ pay: (key, cents) => call(bank.pay(key, cents)) })
  })
)

/** At the end each payment is in the table, with the auditor and at the bank, once. */
const paidOnce =
  (paid: ReadonlyMap<string, number>): (() => Watcher) =>
  () =>
  ({ end, history, store }) => {
    if (!end) return []
    const events = history.flatMap((row) => row.events)
    const count = (tag: string) => events.filter(({ _tag }) => _tag === tag).length
    const rows = [...(store.tables.get("ledger_payments")?.values() ?? [])]
    const counts = {
      planned: count("ledger.planned"),
      made: count("ledger.made"),
      recorded: count("auditor.recorded"),
      rows: rows.filter((row) => row["paid"] === true).length,
      bank: paid.size
    }
    return new Set(Object.values(counts)).size === 1
      ? []
      : [{ invariant: "paid once", message: JSON.stringify(counts) }]
  }

type Actors = Simulation.Scenario<Bank>["actors"]

const run = (seed: number, actors: Actors, faults: Simulation.Options["faults"]) => {
  const paid = new Map<string, number>()
  return Effect.map(
    Simulation.run<Bank>({
      seed,
      duration: "60 seconds",
      faults,
      actors: actors.pipe(Layer.provide(askedBank)),
      outside: simulatedBank(paid),
      definitions: [ledger, auditor],
      reads: ["Ledger"],
      workload,
      checks: [paidOnce(paid)],
      probe: (n) => Effect.flatMap(ActorClient.make(Ledger), (client) => client(names[n % names.length]!).Balance())
    }),
    ({ commits, faults, violations }) => ({
      seed,
      commits,
      faults: faults.length,
      payments: paid.size,
      violations: violations.map(({ invariant, message }) => `${invariant}: ${message}`)
    })
  )
}

/** Bug: the answer to a deposit that is nowhere stored. */
const forgetful: typeof ledger = {
  ...ledger,
  commands: { ...ledger.commands, Deposit: ({ balance }, { cents }) => Actor.answer(balance + cents) }
}

/** Bug: a key at the bank that is drawn anew each time the activity is started. */
const impatientLayer = actorLayer(ledger, {
  perform: ({ cents, number }, self) =>
    Effect.gen(function* () {
      yield* (yield* Bank).pay(`${self.entityId}/${number}/${yield* Random.nextInt}`, cents)
      yield* self.report({ _tag: "Paid", number })
    })
})

/** Each of the three runners in turn, four times. */
const crashes: ReadonlyArray<Fault> = [10_000, 20_000, 30_000, 40_000].flatMap((at) =>
  ["runner-1", "runner-2", "runner-3"].map((runner, n): Fault => ({
    kind: "crash",
    at: at + n * 3_000,
    runner,
    forMillis: 1_000
  }))
)

const actors = Layer.merge(ledgerLayer, auditorLayer)

const program = Effect.gen(function* () {
  const seeds = Array.from({ length: Number(process.argv[2] ?? 3) }, (_, n) => n + 1)
  const runs = yield* Effect.forEach(seeds, (seed) => run(seed, actors, {}))
  const impatient = Layer.merge(impatientLayer, auditorLayer)
  return {
    runs,
    planted: {
      forgetful: yield* run(1, Layer.merge(actorLayer(forgetful, { perform }), auditorLayer), []),
      impatient: yield* run(1, impatient, crashes),
      impatientInPeace: yield* run(1, impatient, [])
    }
  }
})

console.log(JSON.stringify(await Effect.runPromise(program)))
