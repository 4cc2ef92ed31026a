/** What every journal must do, whatever it is stored in. */
import { assert, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import type { RowWrite, Table } from "../../src/actor/Actor.ts"
import { type ActorAddress, type Commit, type Entry, Journal } from "../../src/actor/Journal.ts"
import { rows, taskTable } from "../../src/entities/Lane/backlog/TaskRow.ts"
import { initial } from "../../src/entities/Lane/LaneState.ts"
import type { LaneEvent } from "../../src/schema/events/LaneEvents.ts"
import { entityId, lane, taskSpec, tenantId } from "../entities/Lane/LaneWorld.ts"

/** `grant` makes the shard's epoch one higher, as an acquiring runner would, and answers it. */
export interface JournalCase {
  readonly name: string
  readonly layer: Layer.Layer<Journal, unknown>
  readonly grant: (shardId: string) => Effect.Effect<number, unknown, any>
  /** The rows of a table, made anew for it where the journal does not make tables by itself. */
  readonly withTable: (table: Table) => Effect.Effect<Effect.Effect<ReadonlyArray<unknown>, unknown, any>, unknown, any>
  readonly viewOf: (
    address: ActorAddress
  ) => Effect.Effect<{ readonly tenantId: string | null; readonly doc: unknown } | undefined, unknown, any>
  /** A task's row. */
  readonly phaseOf: (taskId: string) => Effect.Effect<string | undefined, unknown, any>
}

let actors = 0
const newActor = (): ActorAddress => ({
  entityType: "Case",
  entityId: `actor-${++actors}`,
  shardId: `default:${actors}`
})

const entry = (seq: number, requestId: string | null = null): Entry => ({
  seq,
  requestId,
  command: "Do",
  payloadHash: null,
  events: [{ _tag: "case.done", seq }],
  answer: requestId === null ? null : { _tag: "Success", value: seq },
  at: seq
})

const commit = (
  address: ActorAddress,
  epoch: number,
  entries: ReadonlyArray<Entry>,
  more: Partial<Commit> = {}
): Commit => ({
  address,
  epoch,
  entries,
  outbox: [],
  rows: [],
  ...more
})

const message = (address: ActorAddress, seq: number, ordinal: number) => ({
  id: `${address.entityType}/${address.entityId}/${seq}/${ordinal}`,
  seq,
  ordinal,
  targetType: "Case",
  targetId: "other",
  tag: "Do",
  payload: { n: ordinal }
})

const rowsOf = (event: LaneEvent) => rows(event, initial(entityId), initial(entityId))

const submitted = (taskId: string): ReadonlyArray<RowWrite> => {
  const task = taskSpec(taskId, { idIsNew: false })
  return rowsOf({ _tag: "task.submitted", tenantId, lane, at: 1, taskId: task.taskId, phase: "pending", rank: 1, task })
}
const cancelled = (taskId: string): ReadonlyArray<RowWrite> =>
  rowsOf({ _tag: "task.cancelled", tenantId, lane, at: 2, taskId: taskSpec(taskId).taskId })

const note = {
  name: "case_notes",
  key: ["owner", "number"],
  columns: { owner: "text", number: "int", text: "text", read: "boolean" }
} as const satisfies Table

const large = 8 * 1024 * 1024

/** Not to be made much shorter by compression. */
const textOf = (seq: number, length: number): string => {
  let text = ""
  for (let n = seq * 7_919; text.length < length; n = (n * 1_103_515_245 + 12_345) % 2_147_483_648)
    text += n.toString(36)
  return text.slice(0, length)
}

const sized = (seq: number, text: string, requestId: string | null = null): Entry => ({
  ...entry(seq, requestId),
  events: [{ _tag: "case.said", text }]
})

/** Piece by piece, as an actor is loaded. */
const loadWhole = Effect.fnUntraced(function* (address: ActorAddress) {
  const journal = yield* Journal
  const first = yield* journal.load(address, 1)
  const entries = [...first.entries]
  const outbox = [...first.outbox]
  let pieces = 1
  for (let more = first.moreEntries; more; pieces++) {
    const piece = yield* journal.entriesAfter(address, entries.at(-1)?.seq ?? first.snapshot?.seq ?? 0)
    entries.push(...piece.items)
    more = piece.more
  }
  for (let more = first.moreOutbox; more; pieces++) {
    const piece = yield* journal.outboxAfter(address, outbox.at(-1) ?? { seq: 0, ordinal: -1 })
    outbox.push(...piece.items)
    more = piece.more
  }
  return { ...first, entries, outbox, pieces }
})

export const conformance = (subject: JournalCase) => {
  it.layer(subject.layer, { timeout: 120_000, excludeTestServices: true })(`${subject.name} journal`, (it) => {
    it.effect("returns entries in order with their answers", () =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const address = newActor()
        const epoch = yield* subject.grant(address.shardId)
        yield* journal.append(commit(address, epoch, [entry(1, "a"), entry(2)]))
        yield* journal.append(commit(address, epoch, [entry(3, "b")]))
        const loaded = yield* journal.load(address, 1)
        assert.deepStrictEqual(
          loaded.entries.map(({ requestId, seq }) => [seq, requestId]),
          [
            [1, "a"],
            [2, null],
            [3, "b"]
          ]
        )
        assert.isTrue(loaded.complete)
        const found = yield* journal.findAnswers(address, ["b", "unknown"])
        assert.deepStrictEqual(found, [{ requestId: "b", payloadHash: null, answer: { _tag: "Success", value: 3 } }])
      })
    )

    it.effect("refuses a second writer of one sequence and keeps the first", () =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const address = newActor()
        const epoch = yield* subject.grant(address.shardId)
        yield* journal.append(commit(address, epoch, [entry(1, "a")]))
        const failure = yield* Effect.flip(journal.append(commit(address, epoch, [entry(1, "b")])))
        assert.strictEqual(failure.reason, "SequenceTaken")
        const loaded = yield* journal.load(address, 1)
        assert.deepStrictEqual(
          loaded.entries.map(({ requestId }) => requestId),
          ["a"]
        )
      })
    )

    it.effect("applies the writes of one commit to one row in order, whether the row was there before or not", () =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const address = newActor()
        const epoch = yield* subject.grant(address.shardId)
        const [old, fresh] = [`old-${address.entityId}`, `fresh-${address.entityId}`] as const
        yield* journal.append(commit(address, epoch, [entry(1)], { rows: submitted(old) }))
        const rows = [old, fresh].flatMap((id) => [...submitted(id), ...cancelled(id)])
        yield* journal.append(commit(address, epoch, [entry(2)], { rows }))
        assert.deepStrictEqual([yield* subject.phaseOf(old), yield* subject.phaseOf(fresh)], ["cancelled", "cancelled"])
      })
    )

    it.effect("refuses a request id that was recorded before", () =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const address = newActor()
        const epoch = yield* subject.grant(address.shardId)
        yield* journal.append(commit(address, epoch, [entry(1, "same")]))
        const failure = yield* Effect.flip(journal.append(commit(address, epoch, [entry(2, "same")])))
        assert.strictEqual(failure.reason, "SequenceTaken")
      })
    )

    it.effect("lands nothing of a commit under an epoch that was passed", () =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const address = newActor()
        const old = yield* subject.grant(address.shardId)
        const current = yield* subject.grant(address.shardId)
        const failure = yield* Effect.flip(
          journal.append(
            commit(address, old, [entry(1)], {
              outbox: [message(address, 1, 0)],
              wake: { dueAt: 5, resident: false }
            })
          )
        )
        assert.strictEqual(failure.reason, "Fenced")
        const loaded = yield* journal.load(address, 1)
        assert.deepStrictEqual([loaded.entries.length, loaded.outbox.length, loaded.wake], [0, 0, undefined])
        yield* journal.append(commit(address, current, [entry(1)]))
      })
    )

    it.effect("keeps what is sound when commits of one moment include a stale and a conflicting one", () =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const [sound, stale, conflicting] = [newActor(), newActor(), newActor()]
        const epoch = yield* subject.grant(sound.shardId)
        const old = yield* subject.grant(stale.shardId)
        yield* subject.grant(stale.shardId)
        const other = yield* subject.grant(conflicting.shardId)
        yield* journal.append(commit(conflicting, other, [entry(1)]))
        const outcomes = yield* Effect.all(
          [
            Effect.exit(journal.append(commit(sound, epoch, [entry(1)]))),
            Effect.exit(journal.append(commit(stale, old, [entry(1)]))),
            Effect.exit(journal.append(commit(conflicting, other, [entry(1)])))
          ],
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          outcomes.map((exit) => exit._tag),
          ["Success", "Failure", "Failure"]
        )
        assert.strictEqual((yield* journal.load(sound, 1)).entries.length, 1)
        assert.strictEqual((yield* journal.load(stale, 1)).entries.length, 0)
        assert.strictEqual((yield* journal.load(conflicting, 1)).entries.length, 1)
      })
    )

    it.effect("refuses what it cannot hold by itself, each time, and writes what shares its moment", () =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const [before, bad, after] = [newActor(), newActor(), newActor()]
        const epochs = yield* Effect.forEach([before, bad, after], ({ shardId }) => subject.grant(shardId))
        const taskId = `bad-${bad.entityId}`
        const update = { tenant_id: tenantId, task_id: taskId, updated_at: 2, because: "a\u0000b" }
        const rows = [...submitted(taskId), { table: taskTable, op: "update" as const, row: update }]
        const commits = [
          commit(before, epochs[0]!, [entry(1)]),
          commit(bad, epochs[1]!, [entry(1, "r")], {
            rows,
            outbox: [message(bad, 1, 0)],
            wake: { dueAt: 5, resident: true }
          }),
          commit(after, epochs[2]!, [entry(1)])
        ]
        const reasons = Effect.all(
          commits.map((one) =>
            Effect.match(journal.append(one), { onSuccess: () => "written", onFailure: ({ reason }) => reason })
          ),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(yield* reasons, ["written", "Refused", "written"])
        const loaded = yield* journal.load(bad, 1)
        assert.deepStrictEqual([loaded.entries.length, loaded.outbox.length, loaded.wake], [0, 0, undefined])
        assert.isUndefined(yield* subject.phaseOf(taskId))
        assert.strictEqual((yield* Effect.flip(journal.append(commits[1]!))).reason, "Refused")
        yield* journal.append(commit(bad, epochs[1]!, [entry(1, "r")]))
      })
    )

    it.effect("keeps messages in order until they are acknowledged", () =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const address = newActor()
        const epoch = yield* subject.grant(address.shardId)
        const sent = [message(address, 1, 0), message(address, 1, 1)]
        yield* journal.append(commit(address, epoch, [entry(1)], { outbox: sent }))
        assert.deepStrictEqual((yield* journal.load(address, 1)).outbox, sent)
        yield* journal.acknowledge(address, [sent[0]!])
        const left = journal.load(address, 1).pipe(
          Effect.map(({ outbox }) => outbox),
          Effect.repeat({ until: (outbox) => outbox.length === 1 }),
          Effect.timeout("10 seconds")
        )
        assert.deepStrictEqual(yield* left, [sent[1]!])
      })
    )

    it.effect("loads from a snapshot of the asked version, and passes over one of another", () =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const address = newActor()
        const epoch = yield* subject.grant(address.shardId)
        yield* journal.append(commit(address, epoch, [entry(1), entry(2), entry(3)]))
        yield* journal.saveSnapshot(address, epoch, { seq: 2, version: 7, state: { sum: 3 } })
        const loaded = yield* journal.load(address, 7)
        assert.deepStrictEqual(loaded.snapshot, { seq: 2, version: 7, state: { sum: 3 } })
        assert.deepStrictEqual(
          loaded.entries.map(({ seq }) => seq),
          [3]
        )
        assert.isFalse(loaded.complete)
        const folded = yield* journal.load(address, 8)
        assert.deepStrictEqual([folded.snapshot, folded.entries.length, folded.passedOver], [undefined, 3, 2])
      })
    )

    it.effect("keeps a later snapshot, and writes none under an epoch that was passed", () =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const address = newActor()
        const old = yield* subject.grant(address.shardId)
        yield* journal.append(commit(address, old, [entry(1), entry(2), entry(3)]))
        yield* journal.saveSnapshot(address, old, { seq: 2, version: 1, state: { sum: 3 } })
        yield* journal.saveSnapshot(address, old, { seq: 1, version: 1, state: { sum: 1 } })
        yield* subject.grant(address.shardId)
        yield* journal.saveSnapshot(address, old, { seq: 3, version: 1, state: { sum: 6 } })
        assert.deepStrictEqual((yield* journal.load(address, 1)).snapshot, { seq: 2, version: 1, state: { sum: 3 } })
      })
    )

    it.effect("keeps the view of the last commit that has one, and removes it for a document that is null", () =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const address = newActor()
        const epoch = yield* subject.grant(address.shardId)
        const view = { tenantId: "acme", doc: { sum: 1 } }
        yield* journal.append(commit(address, epoch, [entry(1)], { view }))
        yield* journal.append(commit(address, epoch, [entry(2)]))
        assert.deepStrictEqual(yield* subject.viewOf(address), view)
        yield* journal.append(commit(address, epoch, [entry(3)], { view: { tenantId: null, doc: null } }))
        assert.isUndefined(yield* subject.viewOf(address))
      })
    )

    it.effect(
      "keeps entries, messages and a state of 8 MiB each, and reads them in pieces",
      () =>
        Effect.gen(function* () {
          const journal = yield* Journal
          const address = newActor()
          const epoch = yield* subject.grant(address.shardId)
          const text = textOf(1, large)
          const sent = [1, 2].map((seq) => ({ ...message(address, seq, 0), payload: { text } }))
          yield* journal.append(commit(address, epoch, [sized(1, text, "a")], { outbox: [sent[0]!] }))
          yield* journal.append(commit(address, epoch, [sized(2, text)], { outbox: [sent[1]!] }))
          const whole = yield* loadWhole(address)
          assert.deepStrictEqual(whole.entries, [sized(1, text, "a"), sized(2, text)])
          assert.deepStrictEqual(whole.outbox, sent)
          assert.strictEqual(whole.pieces, 3)
          yield* journal.saveSnapshot(address, epoch, { seq: 1, version: 1, state: { text } })
          const { entries, snapshot } = yield* loadWhole(address)
          assert.deepStrictEqual(snapshot, { seq: 1, version: 1, state: { text } })
          assert.deepStrictEqual(entries, [sized(2, text)])
        }),
      { timeout: 60_000 }
    )

    it.effect(
      "reads many entries and messages in pieces, each once and in order",
      () =>
        Effect.gen(function* () {
          const journal = yield* Journal
          const address = newActor()
          const epoch = yield* subject.grant(address.shardId)
          const [entries, messages] = [3_000, 2_500]
          for (let seq = 1; seq <= entries; seq += 1_000) {
            yield* journal.append(
              commit(
                address,
                epoch,
                Array.from({ length: 1_000 }, (_, n) => sized(seq + n, textOf(n, 300)))
              )
            )
          }
          const sent = Array.from({ length: messages }, (_, n) =>
            message(address, entries + 1 + Math.floor(n / 1_500), n % 1_500)
          )
          yield* journal.append(commit(address, epoch, [entry(entries + 1), entry(entries + 2)], { outbox: sent }))
          const whole = yield* loadWhole(address)
          assert.deepStrictEqual(
            whole.entries.map(({ seq }) => seq),
            Array.from({ length: entries + 2 }, (_, n) => n + 1)
          )
          assert.deepStrictEqual(
            whole.outbox.map(({ id }) => id),
            sent.map(({ id }) => id)
          )
          assert.isAbove(whole.pieces, 5)
        }),
      { timeout: 60_000 }
    )

    it.effect(
      "reads texts in pieces that compression makes short",
      () =>
        Effect.gen(function* () {
          const journal = yield* Journal
          const address = newActor()
          const epoch = yield* subject.grant(address.shardId)
          const count = 300
          const text = "x".repeat(200_000)
          for (let seq = 1; seq <= count; seq += 50) {
            yield* journal.append(
              commit(
                address,
                epoch,
                Array.from({ length: 50 }, (_, n) => sized(seq + n, text))
              )
            )
          }
          const { entries, pieces } = yield* loadWhole(address)
          assert.strictEqual(entries.length, count)
          assert.isTrue(entries.every(({ events }) => (events[0] as { text: string }).text === text))
          assert.isAbove(pieces, 2)
        }),
      { timeout: 60_000 }
    )

    it.effect("writes the rows of several tables in one commit, each by its own key", () =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const address = newActor()
        const epoch = yield* subject.grant(address.shardId)
        const notes = yield* subject.withTable(note)
        const write = (op: RowWrite["op"], row: Record<string, unknown>): RowWrite => ({ table: note, op, row })
        const taskId = `noted-${address.entityId}`
        yield* journal.append(
          commit(address, epoch, [entry(1)], {
            rows: [
              ...submitted(taskId),
              write("insert", { owner: "a", number: 1, text: "one", read: false }),
              write("insert", { owner: "a", number: 2, text: "two", read: false }),
              write("update", { owner: "a", number: 2, read: true })
            ]
          })
        )
        yield* journal.append(
          commit(address, epoch, [entry(2)], {
            rows: [
              { ...write("insert", { owner: "a", number: 1, text: "another", read: true }), mayExist: true },
              write("update", { owner: "a", number: 1, text: "changed" }),
              ...cancelled(taskId)
            ]
          })
        )
        assert.strictEqual(yield* subject.phaseOf(taskId), "cancelled")
        assert.sameDeepMembers(
          [...(yield* notes)],
          [
            { owner: "a", number: 1, text: "changed", read: false },
            { owner: "a", number: 2, text: "two", read: true }
          ]
        )
      })
    )

    it.effect("tells which actors of a shard are to be woken", () =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const [due, later, busy, sender] = [newActor(), newActor(), newActor(), newActor()]
        const write = (address: ActorAddress, more: Partial<Commit>) =>
          Effect.flatMap(subject.grant(address.shardId), (epoch) =>
            journal.append(commit(address, epoch, [entry(1)], more))
          )
        yield* write(due, { wake: { dueAt: 100, resident: false } })
        yield* write(later, { wake: { dueAt: 900, resident: false } })
        yield* write(busy, { wake: { dueAt: null, resident: true } })
        yield* write(sender, { outbox: [message(sender, 1, 0)] })
        const shards = [due, later, busy, sender].map(({ shardId }) => shardId)
        const woken = yield* journal.wakes(shards, 500)
        assert.sameMembers(
          woken.map(({ address }) => address.entityId),
          [due, busy, sender].map(({ entityId }) => entityId)
        )
      })
    )
  })
}
