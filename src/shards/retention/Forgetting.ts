/**
 * Removes the stored data of actors that have ended (`isEnded`) and that have not been addressed for as long as history
 * is kept: closed sessions, empty lanes, deregistered instances. Their snapshot, view and wake-up are deleted; their
 * journal was pruned before. An id that is addressed again is a new actor.
 *
 * Only the owner of the shard does this, under its epoch, and only while the actor is away: it is not resident here,
 * has not been resident for longer than any statement of its last activation can take, and does not load before the
 * removal has ended. So no commit can interleave with the removal, and none is lost.
 */
import { PgClient } from "@effect/sql-pg"
import { Duration, Effect, Layer, Option, Random } from "effect"
import { ActorDirectory } from "../../actor/runtime/ActorDirectory.ts"
import * as Codec from "../../actor/state/Codec.ts"
import { Ownership } from "../../actor/Ownership.ts"
import { SecretBox } from "../../actor/SecretBox.ts"
import { ActivationDirectory } from "../../actor/runtime/ActivationDirectory.ts"

/** Longer than `statement_timeout` (Database.ts). */
const statementsEndWithin = Duration.seconds(45)
/** Snapshots read per query; few, because their states may be large. */
const actorsALook = 16
/** Limits of one sweep. The next sweep continues where this one ended. */
const looksASweep = 500
const removedASweep = 2_000

interface Found {
  readonly entityType: string
  readonly entityId: string
  readonly seq: number
  readonly version: number
  readonly state: unknown
}

const columns = `entity_type AS "entityType", entity_id AS "entityId", seq::float8 AS seq, version, state`
const after = `(entity_type, entity_id) > ($1::text, $2::text)`
const next = `ORDER BY entity_type, entity_id LIMIT ${actorsALook}`
const hasHistory = `EXISTS (
  SELECT FROM clawster_journal j WHERE j.entity_type = s.entity_type AND j.entity_id = s.entity_id)`

const ended = `SELECT ${columns} FROM clawster_snapshots s WHERE ${after} AND ended AND NOT ${hasHistory} ${next}`
const unknown = `SELECT ${columns} FROM clawster_snapshots s WHERE ${after} AND ended IS NULL ${next}`

const ofActor = "entity_type = $1::text AND entity_id = $2::text"
const fence = "fence AS (SELECT 1 FROM clawster_shards WHERE shard_id = $3::text AND epoch = $4::bigint FOR SHARE)"

const mark = `WITH ${fence}
  UPDATE clawster_snapshots SET ended = $6::boolean FROM fence WHERE ${ofActor} AND seq = $5::bigint AND ended IS NULL`

/** Removes an actor. The counts of a removed lane are added to its tenant's past counts. */
const removal = `WITH ${fence}, gone AS (
    DELETE FROM clawster_snapshots s USING fence
    WHERE ${ofActor} AND seq = $5::bigint AND NOT ${hasHistory}
      AND NOT EXISTS (SELECT FROM clawster_outbox WHERE ${ofActor})
      AND NOT EXISTS (SELECT FROM clawster_wakes WHERE ${ofActor} AND (resident OR due_at IS NOT NULL))
    RETURNING s.entity_type, s.entity_id
  ), wakes AS (
    DELETE FROM clawster_wakes w USING gone WHERE w.entity_type = gone.entity_type AND w.entity_id = gone.entity_id
  ), views AS (
    DELETE FROM clawster_views v USING gone WHERE v.entity_type = gone.entity_type AND v.entity_id = gone.entity_id
    RETURNING v.entity_type, v.tenant_id, v.doc
  ), uses AS (
    DELETE FROM clawster_resource_uses u USING gone
    WHERE u.entity_type = gone.entity_type AND u.entity_id = gone.entity_id
  ), counted AS (
    INSERT INTO clawster_past_counts AS p (tenant_id, completed, failed, cancelled)
    SELECT tenant_id, (doc ->> 'completed')::bigint, (doc ->> 'failed')::bigint, (doc ->> 'cancelled')::bigint
    FROM views WHERE entity_type = 'Lane' AND tenant_id IS NOT NULL
    ON CONFLICT (tenant_id) DO UPDATE SET completed = p.completed + EXCLUDED.completed, failed = p.failed + EXCLUDED.failed,
      cancelled = p.cancelled + EXCLUDED.cancelled
  )
  SELECT count(*)::float8 AS count FROM gone`

const first = { entityType: "", entityId: "" }

/**
 * Creates the sweep, which keeps its position between calls. In a process that serves no actors it does nothing.
 * `awayFor`: how long an actor must have been away (default: 45 s).
 */
export const make = Effect.fnUntraced(function* (awayFor: Duration.Duration = statementsEndWithin) {
  const sql = yield* PgClient.PgClient
  const actors = Option.all([
    yield* Effect.serviceOption(ActorDirectory),
    yield* Effect.serviceOption(Ownership),
    yield* Effect.serviceOption(ActivationDirectory)
  ])
  if (Option.isNone(actors)) return { sweep: Effect.succeed(0) }
  const [directory, ownership, activations] = actors.value
  const codecOf = Codec.perDefinition(yield* SecretBox)

  /** Undefined when this process does not know the actor's type or state version. */
  const isEnded = ({ entityId, entityType, state, version }: Found): boolean | undefined => {
    const definition = directory.definitionOf(entityType)
    if (definition === undefined || definition.stateVersion !== version) return undefined
    return definition.isEnded?.(codecOf(definition).decodeState(state, entityId)) ?? false
  }

  /** The parameters of a fenced statement; undefined when another runner owns the actor's shard. */
  const claimOf = ({ entityId, entityType, seq }: Found) => {
    const shardId = directory.shardOf(entityType, entityId)
    const epoch = shardId === undefined ? undefined : ownership.epochOf(shardId)
    return epoch === undefined ? undefined : [entityType, entityId, shardId, epoch, seq]
  }

  /**
   * Reads snapshots in the order of ids and starts over after the last one. Returns those of actors that this runner
   * owns.
   */
  const pass = (text: string, most: number) => {
    let place: Pick<Found, "entityType" | "entityId"> = first
    return Effect.gen(function* () {
      const own: Array<{
        readonly claim: ReadonlyArray<unknown>
        readonly entityId: string
        readonly entityType: string
        readonly ended: boolean
      }> = []
      for (let n = 0; n < looksASweep && own.length < most; n++) {
        const [took, found] = yield* Effect.timed(sql.unsafe<Found>(text, [place.entityType, place.entityId]))
        for (const each of found) {
          const claim = claimOf(each)
          const ended = claim === undefined ? undefined : yield* decided(each)
          if (claim !== undefined && ended !== undefined)
            own.push({ claim, entityId: each.entityId, entityType: each.entityType, ended })
        }
        place = found.length < actorsALook ? first : found.at(-1)!
        if (place === first) break
        yield* Effect.sleep(took)
      }
      return own
    })
  }

  /** A snapshot that cannot be decoded is logged and left as it is. */
  const decided = (found: Found) =>
    Effect.sync(() => isEnded(found)).pipe(
      Effect.catchCause((cause) =>
        Effect.as(Effect.logWarning("A snapshot cannot be read; its actor is kept", cause), undefined)
      ),
      Effect.annotateLogs({ entityType: found.entityType, entityId: found.entityId })
    )

  const unknownOnes = pass(unknown, removedASweep)
  const classify = Effect.flatMap(unknownOnes, (own) =>
    Effect.forEach(own, ({ claim, ended }) => sql.unsafe(mark, [...claim, ended]), { discard: true })
  )

  const endedOnes = pass(ended, removedASweep)
  const forget = Effect.gen(function* () {
    const own = (yield* endedOnes).filter((one) => one.ended)
    if (own.length === 0) return 0
    for (const { entityId, entityType } of own) yield* activations.watchAway(entityType, entityId)
    yield* Effect.sleep(awayFor)
    let removed = 0
    for (const { claim, entityId, entityType } of own) {
      const removing = Effect.map(sql.unsafe<{ count: number }>(removal, claim), ([gone]) => (removed += gone!.count))
      // An interruption would let the actor load while the statement may still take effect.
      yield* activations.whileAway(entityType, entityId, Effect.uninterruptible(removing))
    }
    return removed
  }).pipe(Effect.scoped)

  /** Runs one sweep. Returns the number of actors removed. */
  return { sweep: Effect.andThen(classify, forget) }
})

/** Sweeps periodically. Each runner handles the shards that it owns. */
export const layer = (options: { readonly every: Duration.Duration; readonly awayFor?: Duration.Duration }) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const every = Duration.toMillis(options.every)
      const { sweep } = yield* make(options.awayFor)
      yield* Effect.gen(function* () {
        yield* Effect.sleep(yield* Random.nextBetween(every / 2, every))
        const actors = yield* sweep
        if (actors > 0)
          yield* Effect.logInfo("Actors that had ended were removed").pipe(
            Effect.annotateLogs({ event: "retention.forgotten", actors })
          )
      }).pipe(
        Effect.catchCause((cause) =>
          Effect.logWarning("Actors that have ended could not be removed; the next sweep will try", cause)
        ),
        Effect.forever,
        Effect.forkScoped
      )
    })
  )
