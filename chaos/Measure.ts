/** How long keys were silent, from what their callers saw. */
import type { Call } from "./Load.ts"

/** A fault, when it struck, and the keys it struck. */
export interface Struck {
  readonly at: number
  readonly keys: ReadonlySet<string>
  /** When what was broken is mended, so that later moves are not its doing. */
  until?: number
}

export interface Silence {
  /** Milliseconds. */
  readonly longestUnavailability: number
  /** Of the keys struck, the time each was silent; null when nothing was struck. */
  readonly failoverP99: number | null
  readonly failoverMax: number | null
  readonly worstSecondP99: number
  /** Calls whose client gave up at least once. */
  readonly notRetried: number
  readonly failureKinds: ReadonlyArray<string>
  /** When the slowest call was sent, milliseconds into the phase, and to which key. */
  readonly slowest: { readonly sentAfter: number; readonly key: string } | null
}

export const quantile = (values: ReadonlyArray<number>, q: number): number => {
  if (values.length === 0) return 0
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)]!
}

/** How long after a fault a slow call still counts as its doing. */
const windowMillis = 15_000

const groupBy = <A, K>(values: ReadonlyArray<A>, keyOf: (value: A) => K): Map<K, Array<A>> => {
  const groups = new Map<K, Array<A>>()
  for (const value of values) {
    const group = groups.get(keyOf(value))
    if (group === undefined) groups.set(keyOf(value), [value])
    else group.push(value)
  }
  return groups
}

const silenceOf = (struck: Struck, byKey: ReadonlyMap<string, ReadonlyArray<Call>>) =>
  [...struck.keys].flatMap((key) => {
    const around = (byKey.get(key) ?? []).filter(
      ({ ackedAt, sentAt }) =>
        ackedAt! > struck.at && sentAt < Math.min(struck.at + windowMillis, struck.until ?? Infinity)
    )
    return around.length === 0
      ? []
      : [Math.max(...around.map(({ ackedAt, sentAt }) => ackedAt! - Math.max(sentAt, struck.at)))]
  })

export const measure = (calls: ReadonlyArray<Call>, struck: ReadonlyArray<Struck>, beganAt: number): Silence => {
  const adds = calls.filter(({ ackedAt, kind }) => kind === "Add" && ackedAt !== undefined)
  const byKey = groupBy(adds, ({ key }) => key)
  const bySecond = groupBy(adds, ({ sentAt }) => Math.floor(sentAt / 1_000))
  const latency = ({ ackedAt, sentAt }: Call) => ackedAt! - sentAt
  const silences = struck.flatMap((fault) => silenceOf(fault, byKey))
  const slowest = adds.reduce<Call | undefined>(
    (slow, call) => (slow === undefined || latency(call) > latency(slow) ? call : slow),
    undefined
  )
  const failures = calls.filter((call) => call.failures.length > 0)
  return {
    longestUnavailability: slowest === undefined ? 0 : latency(slowest),
    slowest: slowest === undefined ? null : { sentAfter: Math.round(slowest.sentAt - beganAt), key: slowest.key },
    failoverP99: struck.length === 0 ? null : quantile(silences, 0.99),
    failoverMax: struck.length === 0 ? null : quantile(silences, 1),
    worstSecondP99: Math.max(0, ...[...bySecond.values()].map((second) => quantile(second.map(latency), 0.99))),
    notRetried: failures.length,
    failureKinds: [
      ...new Set(
        failures.map(
          ({ failures: [first] }) =>
            /_tag['": ]+(\w+)|(\w+Unavailable|Overloaded)/.exec(first!)?.[0] ?? first!.slice(0, 120)
        )
      )
    ]
  }
}
