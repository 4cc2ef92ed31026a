/**
 * What PostgreSQL says happened, held against what the callers saw. Nothing here asks an actor, but for one last read
 * of every counter, which must equal the fold of its journal.
 */
import type { History, HistoryRow } from "../src/testing/checks/History.ts"
import { actorOf, eventsOf } from "../src/testing/checks/History.ts"
import { outcomes } from "../src/testing/checks/Outcomes.ts"
import { ownership } from "../src/testing/checks/Ownership.ts"
import type { Call } from "./Load.ts"

/** A journal row with the answer that was recorded. */
export type Row = HistoryRow & { readonly command: string; readonly answer: { readonly value?: unknown } | null }

export interface Findings {
  acknowledged: number
  completed: number
  lost: number
  doubled: number
  reordered: number
  staleWrites: number
  staleReads: number
  /** The first few of each, in words. */
  readonly examples: Array<string>
}

type What = "lost" | "doubled" | "reordered" | "staleWrites" | "staleReads"

const checks: ReadonlyArray<(history: ReadonlyArray<Row>) => ReadonlyArray<readonly [What, string]>> = [
  (history) => messagesOutOfOrder(history).map((message) => ["reordered", message] as const),
  (history) =>
    ownership(history as History).map(
      ({ invariant, message }) => [invariant === "I1" ? "staleWrites" : "doubled", message] as const
    ),
  (history) => outcomes(history as History).map(({ message }) => ["doubled", message] as const)
]

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

const counterOf = (rows: ReadonlyArray<Row>) => {
  const byActor = new Map<string, Array<Row>>()
  for (const row of rows) {
    if (row.entityType !== "TestCounter") continue
    const list = byActor.get(row.entityId)
    if (list === undefined) byActor.set(row.entityId, [row])
    else list.push(row)
  }
  return byActor
}

/** Running totals of each counter by its events, and the total after each request. */
export const fold = (rows: ReadonlyArray<Row>) => {
  const totals = new Map<string, number>()
  const after = new Map<string, number>()
  for (const { event, row } of eventsOf(rows)) {
    if (row.entityType !== "TestCounter") continue
    const by =
      event._tag === "counter.added" || event._tag === "counter.due"
        ? event["by"]
        : event._tag === "counter.job_ended"
          ? 1
          : 0
    const total = (totals.get(row.entityId) ?? 0) + by
    totals.set(row.entityId, total)
    if (row.requestId !== null) after.set(row.requestId, total)
  }
  return { totals, after }
}

/** Calls that were answered before others were sent, and yet came after them in the journal. */
const overtaken = (calls: ReadonlyArray<Call>, seqOf: ReadonlyMap<string, number>) => {
  const byKey = new Map<string, Array<Call>>()
  for (const call of calls) {
    if (call.kind !== "Add" || !seqOf.has(call.id)) continue
    byKey.set(call.key, [...(byKey.get(call.key) ?? []), call])
  }
  const found: Array<string> = []
  for (const [key, list] of byKey) {
    list.sort((a, b) => seqOf.get(a.id)! - seqOf.get(b.id)!)
    let latest = -Infinity
    for (const call of list) {
      if (call.ackedAt !== undefined && call.ackedAt < latest)
        found.push(`${key}: ${call.id} was applied after one sent later`)
      latest = Math.max(latest, call.sentAt)
    }
  }
  return found
}

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

export const examine = (
  calls: ReadonlyArray<Call>,
  /** All rows ever. */
  history: ReadonlyArray<Row>,
  read: ReadonlyMap<string, number>,
  staleRows: number,
  whole: ReadonlyArray<readonly [what: What, message: string]>,
  modelCount: Readonly<Record<string, number>>
): Findings => {
  const findings: Findings = {
    acknowledged: 0,
    completed: 0,
    lost: 0,
    doubled: 0,
    reordered: 0,
    staleWrites: 0,
    staleReads: 0,
    examples: []
  }
  const note = (what: What, message: string, count = 1) => {
    findings[what] += count
    if (findings.examples.length < 20) findings.examples.push(`${what}: ${message}`)
  }
  const seqOf = new Map<string, number>()
  for (const row of history) if (row.requestId !== null) seqOf.set(row.requestId, row.seq)
  const { after, totals } = fold(history)
  const submitted = new Set<string>()
  const ends = new Map<string, number>()
  const attempts = new Map<string, number>()
  const last = new Map<string, string>()
  for (const { event, row } of eventsOf(history)) {
    if (event["taskId"] !== undefined) {
      last.set(
        event["taskId"],
        `${event._tag} by ${row.entityType} ${row.entityId}, entry ${row.seq} under epoch ${row.epoch}`
      )
    }
    if (event._tag === "task.submitted") submitted.add(event["taskId"])
    if (event._tag === "task.started") attempts.set(event["taskId"], (attempts.get(event["taskId"]) ?? 0) + 1)
    if (/^task\.(completed|failed|cancelled|dead_lettered)$/.test(event._tag)) {
      ends.set(event["taskId"], (ends.get(event["taskId"]) ?? 0) + 1)
    }
  }

  for (const call of calls) {
    if (call.ackedAt === undefined) continue
    findings.acknowledged++
    switch (call.kind) {
      case "Get": {
        findings.completed++
        if ((call.answer as number) < call.floor) {
          note(
            "staleReads",
            `${call.id} of ${call.key} read ${String(call.answer)} after ${call.floor} had been answered`
          )
        }
        break
      }
      case "Submit": {
        if (!submitted.has(call.id)) note("lost", `task ${call.id} was acknowledged and is not in the journal`)
        else if (!ends.has(call.id)) note("lost", `task ${call.id} never ended; last of it: ${last.get(call.id)}`)
        else findings.completed++
        if ((ends.get(call.id) ?? 0) > 1) note("doubled", `task ${call.id} ended ${ends.get(call.id)} times`)
        if ((modelCount[call.id] ?? 0) > (attempts.get(call.id) ?? 0)) {
          note(
            "doubled",
            `turn ${call.id} reached the model ${modelCount[call.id]} times in ${attempts.get(call.id)} attempts`
          )
        }
        break
      }
      default: {
        if (!seqOf.has(call.id)) {
          note("lost", `${call.id} to ${call.key} was acknowledged and is not in the journal`)
          break
        }
        findings.completed++
        if (call.kind === "Add" && after.get(call.id) !== call.answer) {
          note("doubled", `${call.id} answered ${String(call.answer)}, the journal says ${after.get(call.id)}`)
        }
      }
    }
  }

  const sent = new Set(calls.map(({ id }) => id))
  const phases = new Set(calls.map(({ id }) => id.replace(/-(Add|Get|Pass|Work|Submit)-\d+$/, "")))
  for (const [key, rows] of counterOf(history)) {
    if (read.has(key) && read.get(key) !== (totals.get(key) ?? 0)) {
      note(
        read.get(key)! < totals.get(key)! ? "lost" : "doubled",
        `${key} reads ${read.get(key)}, its journal folds to ${totals.get(key)}`
      )
    }
    for (const { requestId } of rows) {
      const named = /^(.+)-(Add|Pass|Work)-\d+$/.exec(requestId ?? "")
      if (named !== null && phases.has(named[1]!) && !sent.has(requestId!))
        note("doubled", `${requestId} was done and never sent`)
    }
  }
  const passed = calls.filter(({ ackedAt, kind }) => kind === "Pass" && ackedAt !== undefined)
  const delivered = new Map<string, number>()
  for (const row of history) {
    const match = /^TestCounter\/(.+)\/(\d+)\/\d+$/.exec(row.requestId ?? "")
    if (match !== null) delivered.set(`${match[1]}/${match[2]}`, (delivered.get(`${match[1]}/${match[2]}`) ?? 0) + 1)
  }
  for (const { id, key } of passed) {
    const count = delivered.get(`${key}/${seqOf.get(id)}`) ?? 0
    if (count === 0) note("lost", `the message of ${id} never arrived`)
    if (count > 1) note("doubled", `the message of ${id} was taken ${count} times`)
  }

  for (const message of overtaken(calls, seqOf)) note("reordered", message)
  for (const [what, message] of whole) note(what, message)
  if (staleRows > 0)
    note("staleWrites", `${staleRows} rows were written by a runner that did not own their shard`, staleRows)
  return findings
}
