/** The token of a remote instance on PostgreSQL: in no column of any table, however it came there. */
import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { Journal } from "../../../src/actor/Journal.ts"
import { ActorDirectory } from "../../../src/actor/runtime/ActorDirectory.ts"
import type { Definition } from "../../../src/actor/commit/PendingCommit.ts"
import { SecretBox } from "../../../src/actor/SecretBox.ts"
import * as Codec from "../../../src/actor/state/Codec.ts"
import { load } from "../../../src/actor/state/Load.ts"
import { InstanceActor } from "../../../src/entities/Instance/InstanceActor.ts"
import type { InstanceState } from "../../../src/entities/Instance/InstanceState.ts"
import * as DriverSet from "../../../src/instances/InstanceDriverSet.ts"
import * as RemoteDriver from "../../../src/instances/RemoteDriver.ts"
import { SimulatedFleet } from "../../../src/instances/simulated/SimulatedFleet.ts"
import * as RunnerActors from "../../../src/runners/RunnerActors.ts"
import { defaultPlacement, InstanceId, instanceEntityId } from "../../../src/schema/Ids.ts"
import { isSecretEnvelope } from "../../../src/schema/Secret.ts"
import * as Cluster from "../../../src/shards/Cluster.ts"
import * as Compaction from "../../../src/shards/retention/Compaction.ts"
import * as AesSecretBox from "../../../src/shards/secrets/AesSecretBox.ts"
import * as KeyRegistry from "../../../src/shards/secrets/KeyRegistry.ts"
import * as SecretSweep from "../../../src/shards/secrets/SecretSweep.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"
import { PgEdge } from "../../gateway/PgEdge.ts"
import { secretKey } from "../../fixtures/SecretKeys.ts"

/** A whole process that has these keys. */
const processWith = (...ids: ReadonlyArray<string>) => {
  const keys = ids.map(secretKey)
  return PgEdge.layer.pipe(
    Layer.provideMerge(RunnerActors.layer),
    Layer.provideMerge(DriverSet.layer([RemoteDriver.make()])),
    Layer.provideMerge(Layer.provideMerge(SimulatedFleet.connector, SimulatedFleet.layer())),
    Layer.provideMerge(Cluster.layerSingle({ serves: [defaultPlacement] })),
    Layer.provideMerge(AesSecretBox.layer(keys)),
    Layer.provideMerge(Layer.effectDiscard(KeyRegistry.register(keys)))
  )
}

const ask = Effect.fnUntraced(function* (method: string, path: string, body: unknown) {
  const { token, url } = yield* PgEdge
  const response = yield* Effect.promise(() =>
    fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        "idempotency-key": `${method}${path}`
      },
      body: JSON.stringify(body)
    })
  )
  return { status: response.status, text: yield* Effect.promise(() => response.text()) }
})

const [firstToken, secondToken] = ["tok-first-8c1f0a", "tok-second-5be7d2"]
const entityType = "Instance"
const entityId = instanceEntityId(defaultPlacement, InstanceId.make("far"))
const definition = InstanceActor as unknown as Definition

/** Every place of the database that has one of the tokens, as text, or in base64 or hex. */
const placesOfTokens = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const columns = yield* sql.unsafe<{ readonly t: string; readonly c: string; readonly kind: string }>(
    `SELECT table_name AS t, column_name AS c, data_type AS kind FROM information_schema.columns WHERE table_schema = 'public'`
  )
  assert.isAbove(columns.length, 100)
  const forms = [firstToken, secondToken].flatMap((token) =>
    ["utf8", "base64", "hex"].map((form) =>
      Buffer.from(token)
        .toString(form as BufferEncoding)
        .replace(/=+$/, "")
    )
  )
  const found: Array<string> = []
  for (const { c, kind, t } of columns) {
    const text = kind === "bytea" ? `encode("${c}", 'escape') || encode("${c}", 'hex')` : `"${c}"::text`
    const [row] = yield* sql.unsafe<{ readonly n: number }>(
      `SELECT count(*)::float8 AS n FROM "${t}" WHERE EXISTS (
         SELECT FROM json_array_elements_text($1::text::json) AS form WHERE position(form IN ${text}) > 0)`,
      [JSON.stringify(forms)]
    )
    if (row!.n > 0) found.push(`${t}.${c}`)
  }
  return found
})

const address = Effect.map(ActorDirectory, (directory) => ({
  entityType,
  entityId,
  shardId: directory.shardOf(entityType, entityId)!
}))

/** What a process with the keys of the context reads. */
const tokenRead = Effect.gen(function* () {
  const codec = Codec.make(definition, yield* SecretBox)
  const { memory } = yield* load(yield* Journal, definition, codec, yield* address)
  return Redacted.value((memory.state as InstanceState).record!.spec.endpoint!.token)
})

const compacted = Effect.gen(function* () {
  const compact = yield* Compaction.make
  yield* compact([yield* address])
})

const swept = Effect.flatMap(SecretSweep.make, ({ sweep }) => sweep)

const inClear = (value: unknown, token: string): unknown => {
  if (isSecretEnvelope(value)) return token
  if (Array.isArray(value)) return value.map((item) => inClear(item, token))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, inClear(part, token)]))
}

/** Makes the rows what earlier versions wrote. */
const madeOld = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const entries = yield* sql.unsafe<{ readonly seq: string; readonly events: string }>(
    `SELECT seq::text, events::text FROM clawster_journal WHERE entity_type = $1::text AND entity_id = $2::text`,
    [entityType, entityId]
  )
  for (const { events, seq } of entries) {
    const token = events.includes("instance.registered") ? firstToken : secondToken
    yield* sql.unsafe(
      `UPDATE clawster_journal SET events = $4::text::json WHERE entity_type = $1::text AND entity_id = $2::text AND seq = $3::bigint`,
      [entityType, entityId, seq, JSON.stringify(inClear(JSON.parse(events), token))]
    )
  }
  const [snapshot] = yield* sql.unsafe<{ readonly state: string }>(
    `SELECT state::text FROM clawster_snapshots WHERE entity_type = $1::text AND entity_id = $2::text`,
    [entityType, entityId]
  )
  yield* sql.unsafe(
    `UPDATE clawster_snapshots SET state = $3::text::json WHERE entity_type = $1::text AND entity_id = $2::text`,
    [entityType, entityId, JSON.stringify(inClear(JSON.parse(snapshot!.state), secondToken))]
  )
})

const positions = Effect.flatMap(PgClient.PgClient, (sql) =>
  sql.unsafe(
    `SELECT tx::text, position::text, seq::text FROM clawster_journal WHERE entity_type = $1::text ORDER BY seq`,
    [entityType]
  )
)

it.layer(Postgres.layer, { timeout: "120 seconds", excludeTestServices: true })(
  "The token of a remote instance",
  (it) => {
    it.effect(
      "is in no column of any table, after it was registered, changed and taken into a snapshot",
      () =>
        Effect.gen(function* () {
          const endpoint = { url: "ws://simulated/far", token: firstToken }
          const registered = yield* ask("POST", "/instances", { instanceId: "far", driver: "remote", endpoint })
          assert.strictEqual(registered.status, 201, registered.text)
          const changed = yield* ask("PUT", "/instances/far", { endpoint: { token: secondToken } })
          assert.strictEqual(changed.status, 200, changed.text)
          yield* compacted
          assert.deepStrictEqual(yield* placesOfTokens, [])
          assert.strictEqual(yield* tokenRead, secondToken)
        }).pipe(Effect.provide(processWith("old"))),
      60_000
    )

    it.effect(
      "is encrypted by the sweep where an earlier version stored it in clear, and the feed stays as it was",
      () =>
        Effect.gen(function* () {
          yield* madeOld
          assert.deepStrictEqual(yield* placesOfTokens, ["clawster_journal.events", "clawster_snapshots.state"])
          assert.strictEqual(yield* tokenRead, secondToken)
          const before = yield* positions
          assert.isAtLeast((yield* swept)!, 3)
          assert.deepStrictEqual(yield* placesOfTokens, [])
          assert.strictEqual(yield* tokenRead, secondToken)
          assert.deepStrictEqual(yield* positions, before)
          assert.isUndefined(yield* swept, "nothing is due")
        }).pipe(Effect.provide(processWith("old"))),
      60_000
    )

    it.effect(
      "waits for the sweep while a runner encrypts otherwise, and then the old key may be dropped",
      () =>
        Effect.gen(function* () {
          const sql = yield* PgClient.PgClient
          yield* sql.unsafe(
            `INSERT INTO clawster_runner_reports (address, report, at) VALUES ('other:1', '{"secretKey":"old"}', clock_timestamp())`
          )
          assert.isUndefined(yield* swept)
          assert.strictEqual((yield* KeyRegistry.read).sweep!.keyId, "old")
          yield* sql.unsafe(`DELETE FROM clawster_runner_reports`)
          assert.isAtLeast((yield* swept)!, 3)
          const { keys, sweep } = yield* KeyRegistry.read
          assert.deepInclude(sweep, { keyId: "new", inClear: 0, underOthers: 0 })
          assert.deepStrictEqual(
            keys.map(({ keyId, uses }) => [keyId, (uses ?? 0) > 0]),
            [
              ["new", true],
              ["old", false]
            ]
          )
          assert.deepStrictEqual(KeyRegistry.missing(keys, ["new"]), [])
          assert.deepStrictEqual(KeyRegistry.missing(keys, ["old"]), ["new"])
        }).pipe(Effect.provide(processWith("new", "old"))),
      60_000
    )

    it.effect(
      "is read without the old key, and is not without its own: the caller is told which is missing",
      () =>
        Effect.gen(function* () {
          assert.strictEqual(yield* Effect.provide(tokenRead, processWith("new")), secondToken)
          const started = yield* ask("POST", "/instances/far/start", {}).pipe(Effect.provide(processWith("third")))
          assert.strictEqual(started.status, 503)
          assert.include(started.text, "the key new")
          assert.notInclude(started.text, "tok-")
        }),
      120_000
    )

    it.effect("is not encrypted with another key of the same id: the process is refused", () =>
      Effect.gen(function* () {
        const refused = yield* Effect.flip(KeyRegistry.register([{ id: "new", bytes: secretKey("else").bytes }]))
        assert.strictEqual(refused._tag, "SecretKeyMismatch")
        assert.include(JSON.stringify(refused), "CLAWSTER_SECRET_KEYS")
      })
    )
  }
)
