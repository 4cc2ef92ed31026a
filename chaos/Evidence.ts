/**
 * What PostgreSQL says happened, held against what the callers saw. Nothing here asks an actor, but for one last read
 * of every counter, which must equal the fold of its journal.
 */
import { eventsOf } from "../src/testing/checks/History.ts"
import { type Collector, collector, type Findings, type What } from "./Findings.ts"
import type { Call } from "./Load.ts"
import type { Row } from "./WatchHistory.ts"

export const examine = (
  calls: ReadonlyArray<Call>,
  /** All rows ever. */
  history: ReadonlyArray<Row>,
  read: ReadonlyMap<string, number>,
  staleRows: number,
  whole: ReadonlyArray<readonly [what: What, message: string]>,
  modelCount: Readonly<Record<string, number>>
): Findings => {
  const found = collector()
  const journal = journalOf(history)
  for (const call of calls) if (call.ackedAt !== undefined) examineCall(found, call, journal, modelCount)
  examineCounters(found, calls, journal, read)
  examineMessages(found, calls, journal)
  for (const message of overtaken(calls, journal.seqOf)) found.note("reordered", message)
  for (const [what, message] of whole) found.note(what, message)
  if (staleRows > 0)
    found.note("staleWrites", `${staleRows} rows were written by a runner that did not own their shard`, staleRows)
  return found.findings
}

interface Journal {
  readonly history: ReadonlyArray<Row>
  /** By request id. */
  readonly seqOf: ReadonlyMap<string, number>
  readonly counters: Counters
  readonly tasks: Tasks
}

const journalOf = (history: ReadonlyArray<Row>): Journal => {
  const seqOf = new Map<string, number>()
  for (const row of history) if (row.requestId !== null) seqOf.set(row.requestId, row.seq)
  return { history, seqOf, counters: countersOf(history), tasks: tasksOf(history) }
}

interface Counters {
  /** By counter. */
  readonly totals: ReadonlyMap<string, number>
  /** By request. */
  readonly after: ReadonlyMap<string, number>
}

/** Running totals of each counter by its events, and the total after each request. */
const countersOf = (rows: ReadonlyArray<Row>): Counters => {
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

interface Tasks {
  readonly submitted: ReadonlySet<string>
  readonly attempts: ReadonlyMap<string, number>
  readonly ends: ReadonlyMap<string, number>
  /** The last that is said of each, in words. */
  readonly last: ReadonlyMap<string, string>
}

const tasksOf = (history: ReadonlyArray<Row>): Tasks => {
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
  return { submitted, attempts, ends, last }
}

const examineCall = (
  found: Collector,
  call: Call,
  journal: Journal,
  modelCount: Readonly<Record<string, number>>
): void => {
  found.findings.acknowledged++
  switch (call.kind) {
    case "Get":
      return examineRead(found, call)
    case "Submit":
      return examineTask(found, call, journal.tasks, modelCount[call.id] ?? 0)
    default:
      return examineChange(found, call, journal)
  }
}

const examineRead = ({ findings, note }: Collector, call: Call): void => {
  findings.completed++
  if ((call.answer as number) < call.floor) {
    note("staleReads", `${call.id} of ${call.key} read ${String(call.answer)} after ${call.floor} had been answered`)
  }
}

const examineTask = ({ findings, note }: Collector, { id }: Call, tasks: Tasks, turns: number): void => {
  const ends = tasks.ends.get(id) ?? 0
  const attempts = tasks.attempts.get(id) ?? 0
  if (!tasks.submitted.has(id)) note("lost", `task ${id} was acknowledged and is not in the journal`)
  else if (ends === 0) note("lost", `task ${id} never ended; last of it: ${tasks.last.get(id)}`)
  else findings.completed++
  if (ends > 1) note("doubled", `task ${id} ended ${ends} times`)
  if (turns > attempts) note("doubled", `turn ${id} reached the model ${turns} times in ${attempts} attempts`)
}

const examineChange = ({ findings, note }: Collector, call: Call, { counters: { after }, seqOf }: Journal): void => {
  if (!seqOf.has(call.id)) {
    return note("lost", `${call.id} to ${call.key} was acknowledged and is not in the journal`)
  }
  findings.completed++
  if (call.kind === "Add" && after.get(call.id) !== call.answer) {
    note("doubled", `${call.id} answered ${String(call.answer)}, the journal says ${after.get(call.id)}`)
  }
}

/** What each counter reads, and that nothing was done on it that nobody sent. */
const examineCounters = (
  { note }: Collector,
  calls: ReadonlyArray<Call>,
  { counters: { totals }, history }: Journal,
  read: ReadonlyMap<string, number>
): void => {
  const sent = new Set(calls.map(({ id }) => id))
  const phases = new Set(calls.map(({ id }) => id.replace(/-(Add|Get|Pass|Work|Submit)-\d+$/, "")))
  for (const [key, rows] of rowsByCounter(history)) {
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
}

const rowsByCounter = (rows: ReadonlyArray<Row>) => {
  const byActor = new Map<string, Array<Row>>()
  for (const row of rows) {
    if (row.entityType !== "TestCounter") continue
    const list = byActor.get(row.entityId)
    if (list === undefined) byActor.set(row.entityId, [row])
    else list.push(row)
  }
  return byActor
}

/** Each message arrives, once. */
const examineMessages = ({ note }: Collector, calls: ReadonlyArray<Call>, { history, seqOf }: Journal): void => {
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
