/** What the callers of the gateway process saw over the whole upgrade, held against the whole journal. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Fiber } from "effect"
import { loadavg } from "node:os"
import * as Edge from "../../soak/Edge.ts"
import type { Event } from "../../soak/Followers.ts"
import type { Ledger } from "../../soak/Ledger.ts"
import type { FeedEvent } from "../../src/schema/feed/Feed.ts"
import { feedOrder } from "../../src/testing/checks/FeedOrder.ts"
import { type Check, checkOf, type History } from "../../src/testing/checks/History.ts"
import { turnOrder, watchMessageOrder } from "../../src/testing/checks/Order.ts"
import { allEnded, outcomes } from "../../src/testing/checks/Outcomes.ts"
import { ownership } from "../../src/testing/checks/Ownership.ts"
import * as PgHistory from "../../test/fixtures/store/PgHistory.ts"
import { collector, type What } from "../Findings.ts"
import { measure } from "../Measure.ts"
import type { PhaseResult } from "../Report.ts"
import { eventually } from "../World.ts"
import * as Snapshots from "./Snapshots.ts"

const checks: ReadonlyArray<readonly [What, Check]> = [
  ["lost", allEnded],
  ["doubled", outcomes],
  ["staleWrites", ownership],
  ["reordered", turnOrder],
  ["reordered", checkOf(watchMessageOrder)]
]

const catchUpSeconds = 60
const ends = ["tasks completed", "tasks failed", "tasks cancelled", "tasks dead-lettered"]

/** Messages that their receiver gave up, such as of a command that it does not know. */
const deadMessages = Effect.flatMap(PgClient.PgClient, (sql) =>
  sql.unsafe<{ readonly name: string }>(
    `SELECT tag || ' to ' || target_type || ' ' || target_id || ': ' || reason || ' ' || error AS name
     FROM clawster_dead_messages`
  )
).pipe(Effect.map((rows) => rows.map(({ name }) => name)))

const notesOf = ({ counts, errors }: Ledger): ReadonlyArray<string> => {
  const told = (all: Readonly<Record<string, number>>) =>
    Object.entries(all)
      .map(([name, count]) => `${name}: ${count}`)
      .join(", ")
  return [`counts: ${told(counts)}`, `errors at callers: ${told(errors) || "none"}`]
}

export const make = (ledger: Ledger) => {
  const beganAt = performance.now()
  /** All that the auditor was shown of the feed, in its order. */
  const shown: Array<FeedEvent> = []

  /** The auditor begins before there is anything to show, and must have been shown everything at the end. */
  const feedFaults = (history: History) =>
    Effect.gen(function* () {
      yield* eventually(
        Effect.sync(() => feedOrder(history, shown).length === 0),
        catchUpSeconds
      )
      return feedOrder(history, shown)
    })

  const judge = Effect.gen(function* () {
    const { findings, note } = collector()
    const history = yield* PgHistory.read
    for (const [what, check] of checks) for (const { message } of check(history)) note(what, message)
    for (const { message } of yield* feedFaults(history)) note("reordered", message)
    for (const fault of ledger.faults) note("lost", fault)
    for (const message of yield* deadMessages) note("lost", `a message was given up: ${message}`)
    const snapshots = yield* Snapshots.check(history)
    for (const message of snapshots.found) note("lost", message)
    findings.acknowledged = ledger.counts["tasks accepted"] ?? 0
    findings.completed = ends.reduce((sum, how) => sum + (ledger.counts[how] ?? 0), 0)
    return {
      phase: "edge",
      what: "tasks, sessions and followers at the gateway process, all along",
      seconds: Math.round((performance.now() - beganAt) / 1_000),
      minuteLoad: loadavg()[0]!,
      notes: [`${snapshots.checked} snapshots were compared with the fold of their entries`, ...notesOf(ledger)],
      ...findings,
      ...measure([], [], beganAt),
      notRetried: Object.values(ledger.errors).reduce((sum, count) => sum + count, 0)
    } satisfies PhaseResult
  })

  return {
    audit: (event: Event): void => void shown.push(event as unknown as FeedEvent),
    /** Ends the load, and waits for what it has under way. */
    stop: (load: Fiber.Fiber<unknown, unknown>) => Effect.andThen(Fiber.interrupt(load), Edge.settle(ledger)),
    judge
  }
}
