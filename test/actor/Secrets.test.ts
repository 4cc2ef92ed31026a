import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema } from "effect"
import { Entity } from "effect/cluster"
import { TestClock } from "effect/testing"
import * as Actor from "../../src/actor/Actor.ts"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import * as ActorLayer from "../../src/actor/ActorLayer.ts"
import { MemoryStore } from "../../src/actor/memory/MemoryJournal.ts"
import { MemoryOwnershipControl } from "../../src/actor/memory/MemoryOwnership.ts"
import { command, protocol } from "../../src/actor/Protocol.ts"
import { SecretBox } from "../../src/actor/SecretBox.ts"
import { Secret } from "../../src/schema/Secret.ts"
import * as AesSecretBox from "../../src/shards/secrets/AesSecretBox.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"
import { secretKey } from "../fixtures/SecretKeys.ts"
import { inVirtualTime, untilVirtually } from "../fixtures/VirtualTime.ts"

const Safe = Entity.fromRpcGroup(
  "TestSafe",
  protocol(
    command("Put", { payload: { secret: Schema.String } }),
    command("Count", { success: Schema.Int }),
    command("Tell", { success: Schema.String })
  )
)
const State = Schema.Struct({ counted: Schema.Int, secret: Schema.optionalKey(Secret()) })
const Event = Schema.Union([
  Schema.TaggedStruct("safe.put", { secret: Secret() }),
  Schema.TaggedStruct("safe.counted", {})
])

const safes = ActorLayer.layer(
  Actor.define<typeof State.Type, typeof Event.Type>()({
    entity: Safe,
    state: State,
    event: Event,
    stateVersion: 1,
    snapshotEvery: 4,
    initial: () => ({ counted: 0 }),
    evolve: (state, event) =>
      event._tag === "safe.put" ? { ...state, secret: event.secret } : { ...state, counted: state.counted + 1 },
    commands: {
      Put: (_, { secret }) => Actor.accept([{ _tag: "safe.put", secret: Redacted.make(secret) }], undefined),
      Count: ({ counted }) => Actor.accept([{ _tag: "safe.counted" }], counted + 1),
      Tell: ({ secret }) => Actor.answer(secret === undefined ? "" : Redacted.value(secret))
    }
  })
)

/** The keys of the runner; an operator may give it others. */
class Keys {
  #box = AesSecretBox.make([])
  opened = 0

  give(...ids: ReadonlyArray<string>): void {
    this.#box = AesSecretBox.make(ids.map(secretKey))
  }

  get layer() {
    return Layer.succeed(SecretBox, {
      current: undefined,
      seal: (clear, place) => this.#box.seal(clear, place),
      open: (envelope, place) => {
        this.opened++
        return this.#box.open(envelope, place)
      }
    })
  }
}

const withSafes = <A, E>(test: (keys: Keys) => Effect.Effect<A, E, Layer.Success<typeof MemoryCluster.layer>>) =>
  Effect.suspend(() => {
    const keys = new Keys()
    const layer = safes.pipe(Layer.provide(keys.layer), Layer.provideMerge(MemoryCluster.layer))
    return Effect.andThen(TestClock.adjust(1), test(keys)).pipe(Effect.provide(layer))
  })

const safe = (entityId: string) => Effect.map(ActorClient.make(Safe), (client) => client(entityId))

const stored = (entityId: string) => Effect.map(MemoryStore, ({ actors }) => actors.get(`TestSafe/${entityId}`))

/** The snapshot, once there is one. */
const snapshotOf = (entityId: string) =>
  Effect.gen(function* () {
    const found = Effect.map(stored(entityId), (actor) => actor?.snapshot)
    yield* untilVirtually(
      "there is a snapshot",
      Effect.map(found, (snapshot) => snapshot !== undefined)
    )
    return yield* found
  })

/** The actor leaves memory, as when its shard moves away and back. */
const movesAway = (entityId: string) =>
  Effect.gen(function* () {
    const { address } = (yield* stored(entityId))!
    yield* MemoryOwnershipControl.use((control) => control.revoke(address.shardId))
  })

describe("An actor with secrets", () => {
  it.effect("stores them encrypted, in entries and snapshots, and has them again when it is loaded", () =>
    withSafes((keys) =>
      Effect.gen(function* () {
        keys.give("a")
        const one = yield* safe("one")
        yield* one.Put({ secret: "hush" })
        for (let n = 0; n < 4; n++) yield* one.Count()
        const snapshot = yield* snapshotOf("one")
        const { entries } = (yield* stored("one"))!
        assert.notInclude(JSON.stringify([entries, snapshot]), "hush")
        yield* movesAway("one")
        assert.strictEqual(yield* inVirtualTime(one.Tell()), "hush")
      })
    )
  )

  it.effect("refuses a secret when there is no key, at once and by the setting's name, and goes on", () =>
    withSafes((keys) =>
      Effect.gen(function* () {
        const one = yield* safe("one")
        const refused = yield* Effect.flip(one.Put({ secret: "hush" }))
        assert.strictEqual(refused._tag, "InvalidInput")
        assert.include(refused.message, "CLAWSTER_SECRET_KEYS")
        assert.strictEqual((yield* stored("one"))!.entries.length, 0)
        assert.strictEqual(yield* one.Count(), 1)
        keys.give("a")
        yield* one.Put({ secret: "hush" })
        assert.strictEqual(yield* one.Tell(), "hush")
      })
    )
  )

  it.effect("says which key it lacks when it cannot be loaded, without a tight loop, and others go on", () =>
    withSafes((keys) =>
      Effect.gen(function* () {
        keys.give("old")
        const [one, two] = [yield* safe("one"), yield* safe("two")]
        yield* one.Put({ secret: "hush" })
        keys.give("new")
        yield* movesAway("one")
        const before = keys.opened
        const refused = yield* inVirtualTime(Effect.flip(one.Tell()))
        assert.strictEqual(refused._tag, "ActorUnavailable")
        assert.match(refused.message, /the key old; add that key to CLAWSTER_SECRET_KEYS/)
        assert.notInclude(refused.message, "hush")
        assert.isFalse(refused._tag === "ActorUnavailable" && refused.mayHaveRun)
        yield* TestClock.adjust("5 minutes")
        assert.isBelow(keys.opened - before, 30)
        yield* two.Put({ secret: "mine" })
        assert.strictEqual(yield* two.Tell(), "mine")

        keys.give("new", "old")
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* inVirtualTime(one.Tell()), "hush")
      })
    )
  )

  it.effect(
    "has what an earlier version stored in clear; without a key it takes no snapshot, with one it encrypts",
    () =>
      withSafes((keys) =>
        Effect.gen(function* () {
          const one = yield* safe("one")
          yield* one.Count()
          const { entries, snapshot } = (yield* stored("one"))!
          entries[0] = { ...entries[0]!, events: [{ _tag: "safe.put", secret: "hush" }] }
          assert.isUndefined(snapshot)
          yield* movesAway("one")
          assert.strictEqual(yield* inVirtualTime(one.Tell()), "hush")
          for (let n = 0; n < 8; n++) yield* one.Count()
          assert.isUndefined((yield* stored("one"))!.snapshot)
          assert.strictEqual(yield* one.Tell(), "hush")

          keys.give("a")
          for (let n = 0; n < 4; n++) yield* one.Count()
          assert.notInclude(JSON.stringify(yield* snapshotOf("one")), "hush")
        })
      )
  )
})
