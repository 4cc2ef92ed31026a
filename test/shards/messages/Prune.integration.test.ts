import { assert, it } from "@effect/vitest"
import { Clock, Duration, Effect } from "effect"
import type { Envelope, Reply } from "effect/cluster"
import * as Retention from "../../../src/shards/retention/Retention.ts"
import { Storage } from "./conformance.ts"
import { ack, chunk, exit, newId, request, shardOf } from "./Envelopes.ts"
import * as Storages from "./Storages.ts"

const day = Duration.days(1)
const options: Retention.RetentionOptions = {
  history: day,
  tasks: day,
  messages: day,
  idempotencyKeys: day,
  every: Duration.minutes(1)
}

const save = (envelope: Envelope.Encoded) =>
  Effect.flatMap(Storage, (storage) => storage.saveEnvelope({ envelope, primaryKey: null, deliverAt: null }))
const reply = (value: Reply.Encoded) => Effect.flatMap(Storage, (storage) => storage.saveReply(value))
const repliesOf = ({ requestId }: Envelope.PartialRequestEncoded) =>
  Effect.flatMap(Storage, (storage) => storage.repliesForUnfiltered([requestId]))

it.layer(Storages.gathered, { timeout: 120_000, excludeTestServices: true })("Retention of messages", (it) => {
  it.effect("removes what was answered long ago with its replies, and keeps all else", () =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const old = (yield* Clock.currentTimeMillis) - 2 * Duration.toMillis(day)
      const asked = (entityType = "Case") => {
        const one = request({ requestId: newId(old) })
        return { ...one, address: { ...one.address, entityType } }
      }
      const [answered, late, waiting, recent, step] = [asked(), asked(), asked(), request(), asked("Workflow/Order")]
      for (const one of [answered, late, waiting, recent, step]) yield* save(one)
      const part = { ...chunk(answered, 0), id: newId(old) }
      yield* reply(part)
      yield* save(ack(answered, part))
      for (const one of [answered, step]) yield* reply({ ...exit(one), id: newId(old) })
      for (const one of [late, recent]) yield* reply(exit(one))

      assert.strictEqual((yield* Retention.sweep(options))?.messages, 2)
      assert.strictEqual((yield* Retention.sweep(options))?.messages, 0)
      assert.deepStrictEqual(yield* repliesOf(answered), [])
      assert.strictEqual((yield* save(answered))._tag, "Success")
      for (const one of [late, recent, step]) assert.strictEqual((yield* repliesOf(one)).length, 1)
      const unanswered = yield* storage.unprocessedMessages([shardOf(waiting)], Date.now())
      assert.deepStrictEqual(
        unanswered.map(({ envelope }) => envelope),
        [waiting]
      )
    })
  )
})
