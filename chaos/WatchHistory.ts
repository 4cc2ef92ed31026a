/** What the journal says against itself, whatever the callers saw. */
import type { History, HistoryRow } from "../src/testing/checks/History.ts"
import { actorOf } from "../src/testing/checks/History.ts"
import { outcomes } from "../src/testing/checks/Outcomes.ts"
import { ownership } from "../src/testing/checks/Ownership.ts"
import type { What } from "./Findings.ts"

/** A journal row with the answer that was recorded. */
export type Row = HistoryRow & { readonly command: string; readonly answer: { readonly value?: unknown } | null }

/** Checks of the whole journal; each call answers what was not there at the call before. */
export const watchHistory = () => {
  const known = checks.map(() => 0)
  return (history: ReadonlyArray<Row>): ReadonlyArray<readonly [What, string]> =>
    checks.flatMap((check, index) => {
      const found = check(history)
      const fresh = found.slice(known[index])
      known[index] = found.length
      return fresh
    })
}

const checks: ReadonlyArray<(history: ReadonlyArray<Row>) => ReadonlyArray<readonly [What, string]>> = [
  (history) => messagesOutOfOrder(history).map((message) => ["reordered", message] as const),
  (history) =>
    ownership(history as History).map(
      ({ invariant, message }) => [invariant === "I1" ? "staleWrites" : "doubled", message] as const
    ),
  (history) => outcomes(history as History).map(({ message }) => ["doubled", message] as const)
]

/** Messages of one counter to another carry where they came from: `<type>/<id>/<seq>/<ordinal>`. */
const messagesOutOfOrder = (rows: ReadonlyArray<Row>) => {
  const last = new Map<string, number>()
  const found: Array<string> = []
  for (const row of rows) {
    const match = /^(TestCounter\/.+)\/(\d+)\/(\d+)$/.exec(row.requestId ?? "")
    if (match === null) continue
    const pair = `${match[1]} to ${actorOf(row)}`
    const at = Number(match[2]) * 1_000 + Number(match[3])
    if (at < (last.get(pair) ?? -1)) found.push(`${pair}: message ${match[2]} after a later one`)
    last.set(pair, at)
  }
  return found
}
