/** Each checker fires on a bug that is planted in the running system, and on nothing without it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Commit, Journal } from "../../src/actor/Journal.ts"
import { type Fault, type Plant, Simulation } from "../../src/testing/index.ts"
import * as CounterScenario from "./scenarios/CounterScenario.ts"

/** A runner that stands still past its lease and whose clock hides that from it: it goes on as the owner it was. */
const zombies: ReadonlyArray<Fault> = [
  { kind: "freeze", at: 6_000, runner: "runner-1", forMillis: 12_000 },
  { kind: "skew", at: 6_500, runner: "runner-1", millis: -12_000 }
]
const trouble = (kind: "lose-reply" | "refuse"): ReadonlyArray<Fault> => [
  { kind: "store", at: 6_000, forMillis: 12_000, trouble: kind, probability: 0.4 },
  { kind: "crash", at: 9_000, runner: "runner-1", forMillis: 3_000 }
]
/** At the very end, so that nobody calls what was in memory. */
const crashes: ReadonlyArray<Fault> = [
  { kind: "crash", at: 29_600, runner: "runner-1", forMillis: 300 },
  { kind: "crash", at: 29_650, runner: "runner-2", forMillis: 300 },
  { kind: "crash", at: 29_700, runner: "runner-3", forMillis: 250 }
]
/** Messages pile up behind a cut, and their senders die. */
const pileUp: ReadonlyArray<Fault> = [
  { kind: "partition", at: 6_000, from: "runner-1", to: "runner-2", forMillis: 8_000 },
  { kind: "partition", at: 6_000, from: "runner-1", to: "runner-3", forMillis: 8_000 },
  { kind: "crash", at: 12_000, runner: "runner-1", forMillis: 1_500 }
]

const run = (seed: number, faults: ReadonlyArray<Fault>, plant: Plant, scenario = CounterScenario.scenario) =>
  Simulation.run({ ...scenario, seed, duration: "30 seconds", faults, plant })

/** Some seed of ten shows it: one that is hit by chance alone would be no checker. */
const finds = (invariant: string, faults: ReadonlyArray<Fault>, plant: Plant, scenario = CounterScenario.scenario) =>
  Effect.gen(function* () {
    for (let seed = 1; seed <= 10; seed++) {
      const { violations } = yield* run(seed, faults, plant, scenario)
      if (violations.some((violation) => violation.invariant === invariant)) return
    }
    assert.fail(`no seed of ten showed ${invariant}`)
  })

const changed = (change: (commit: Commit) => Commit): Plant => ({
  journal: (journal) => ({ ...journal, append: (commit) => journal.append(change(commit)) })
})

describe("checkers find a planted bug in a running cluster", () => {
  it.live("and nothing without one", () =>
    Effect.gen(function* () {
      for (const faults of [zombies, trouble("lose-reply"), trouble("refuse"), crashes, pileUp]) {
        assert.deepStrictEqual((yield* run(1, faults, {})).violations, [])
      }
    })
  )

  it.live("I1: a store that does not refuse an old epoch", () =>
    finds("I1", zombies, { withoutFence: true, withoutUniqueness: true })
  )

  it.live("I3: a repeated request that is not recognised", () =>
    finds("I3", trouble("lose-reply"), {
      withoutUniqueness: true,
      journal: (journal): Journal["Service"] => ({
        ...journal,
        findAnswers: () => Effect.succeed([]),
        load: (address, version) =>
          Effect.map(journal.load(address, version), (loaded) => ({
            ...loaded,
            entries: loaded.entries.map((entry) => ({ ...entry, requestId: null, answer: null }))
          }))
      })
    })
  )

  it.live("I4: messages that are relayed in another order than sent", () =>
    finds("I4", pileUp, {
      journal: (journal) => ({
        ...journal,
        load: (address, version) =>
          Effect.map(journal.load(address, version), (loaded) => ({ ...loaded, outbox: [...loaded.outbox].reverse() }))
      })
    })
  )

  it.live("I4: a message that is given up and not kept", () =>
    finds(
      "I4",
      [],
      changed((commit) => ({ ...commit, rows: [] })),
      CounterScenario.poisoned
    )
  )

  it.live("I10: wake-ups that the next owner never reads", () =>
    finds("I10", crashes, { journal: (journal) => ({ ...journal, wakes: () => Effect.succeed([]) }) })
  )

  it.live("I10: a timer that takes effect before it is due", () =>
    finds(
      "I10",
      [],
      changed((commit) => ({
        ...commit,
        entries: commit.entries.map((entry) => (entry.requestId === null ? { ...entry, at: entry.at - 10_000 } : entry))
      }))
    )
  )

  it.live("I13: a snapshot that is not the fold of its events", () =>
    finds("I13", [], {
      journal: (journal) => ({
        ...journal,
        saveSnapshot: (address, epoch, snapshot) =>
          journal.saveSnapshot(address, epoch, {
            ...snapshot,
            state: { ...(snapshot.state as object), total: (snapshot.state as { total: number }).total + 1 }
          })
      })
    })
  )

  it.live("I13: an answer given before it was committed, and then lost", () =>
    finds("I13", trouble("refuse"), {
      journal: (journal) => ({ ...journal, append: (commit) => Effect.ignore(journal.append(commit)) })
    })
  )

  it.live("I14: messages that are never taken out of the outbox", () =>
    finds("I14", [], { journal: (journal) => ({ ...journal, acknowledge: () => Effect.void }) })
  )

  it.live("I15: a fault that strikes nothing", () =>
    Effect.gen(function* () {
      const { violations } = yield* run(
        1,
        [{ kind: "partition", at: 5_000, from: "runner-1", to: "nowhere", forMillis: 5_000 }],
        {}
      )
      assert.deepStrictEqual(
        violations.map(({ invariant }) => invariant),
        ["I15"]
      )
    })
  )
})
