/**
 * The rows that are removed by age alone, or by age once nothing refers to them. Each statement removes a limited
 * number of rows. `$1` is a time in Unix milliseconds; older rows go.
 */
import { Duration } from "effect"
import type { Table } from "../../schema/tables/Table.ts"

/** How long rows are kept. */
export interface RowAges {
  readonly history: Duration.Duration
  readonly tasks: Duration.Duration
  readonly idempotencyKeys: Duration.Duration
}

export interface Expired {
  readonly text: string
  /** The most rows that the statement removes. */
  readonly atOnce: number
  readonly olderThan: (ages: RowAges) => Duration.Duration
}

const rowsADelete = 1_000
/** Pieces of outputs per delete; each has up to 64 Ki characters. */
const piecesADelete = 200
/**
 * Minimum age of an output or resource that is removed as an orphan: it is written before the commit that references
 * it, and that commit comes soon or never.
 */
const youngestOrphan = Duration.hours(1)

const moment = "to_timestamp($1::bigint / 1000.0)"

const where = (table: string, condition: string): string =>
  `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} WHERE ${condition} LIMIT ${rowsADelete}))`

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** What is removed of a table by its own declaration. */
export const ofTable = ({ name, retention }: Table): Readonly<Record<string, Expired>> => {
  if (retention === undefined) return {}
  const { keptAs, only = {}, since } = retention
  const conditions = Object.entries(only).map(([column, values]) => `${column} IN (${values.map(literal).join(", ")})`)
  const text = where(`clawster_${name}`, [`${since} < $1::bigint`, ...conditions].join(" AND "))
  return { [name]: { text, atOnce: rowsADelete, olderThan: (options) => options[keptAs] } }
}

/** What belongs to no declared table. Outputs come after the rows that refer to them. */
export const expired = {
  outputs: {
    text: `DELETE FROM clawster_outputs WHERE ctid = ANY (ARRAY(
      SELECT o.ctid FROM clawster_outputs o
      WHERE o.at < ${moment}
        AND NOT EXISTS (
          SELECT FROM clawster_tasks t
          WHERE o.owner LIKE 'task/%' AND t.tenant_id = o.tenant_id AND t.task_id = substr(o.owner, 6))
        AND NOT EXISTS (
          SELECT FROM clawster_turns t WHERE o.owner LIKE 'turn/%' AND t.tenant_id = o.tenant_id
            AND t.session_id = split_part(o.owner, '/', 2) AND t.turn_id = split_part(o.owner, '/', 3))
      ORDER BY o.at LIMIT ${piecesADelete}))`,
    atOnce: piecesADelete,
    olderThan: ({ tasks }) => Duration.max(tasks, youngestOrphan)
  },
  idempotencyKeys: {
    text: where("clawster_idempotency", `created_at < ${moment}`),
    atOnce: rowsADelete,
    olderThan: ({ idempotencyKeys }) => idempotencyKeys
  },
  revokedKeys: {
    text: where("clawster_keys", "revoked_at < $1::bigint"),
    atOnce: rowsADelete,
    olderThan: ({ history }) => history
  },
  deadMessages: {
    text: where("clawster_dead_messages", "at < $1::bigint ORDER BY at"),
    atOnce: rowsADelete,
    olderThan: ({ history }) => history
  },
  // The age is asked again after the row is locked: its resource may have been put once more meanwhile.
  resources: {
    text: `DELETE FROM clawster_resources WHERE put_at < ${moment} AND ctid = ANY (ARRAY(
      SELECT r.ctid FROM clawster_resources r
      WHERE r.put_at < ${moment}
        AND NOT EXISTS (SELECT FROM clawster_resource_uses u WHERE u.resource_key = r.key)
      ORDER BY r.put_at LIMIT ${rowsADelete}))`,
    atOnce: rowsADelete,
    olderThan: ({ history }) => Duration.max(history, youngestOrphan)
  }
} as const satisfies Record<string, Expired>
