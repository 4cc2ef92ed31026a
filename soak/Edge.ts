/** Whoever calls a gateway process: an operator, tenants with keys of their own, and their followers of the feed. */
import { Effect, Layer, Schedule } from "effect"
import { ClawsterClient } from "../src/client.ts"
import { type Event, follow, type Follower, type Manner } from "./Followers.ts"
import type { Ledger } from "./Ledger.ts"
import * as Load from "./Load.ts"

export interface Options {
  readonly url: string
  readonly adminToken: string
  readonly ledger: Ledger
  readonly realGateways: number
  /** One follower of each tenant for each of these. */
  readonly manners: ReadonlyArray<Manner>
  /** Is told of every event of the feed from the beginning on, in its order. */
  readonly audit?: (event: Event) => void
}

const settleWithin = "5 minutes"

const clientOf = (url: string) => (apiKey: string) =>
  Effect.map(
    Layer.build(ClawsterClient.layerHttp({ url, apiKey, retryFor: "60 seconds" })),
    (context) => context.mapUnsafe.get(ClawsterClient.key) as ClawsterClient["Service"]
  )

const followers = (
  { adminToken, audit = () => {}, ledger, manners, url }: Options,
  ofTenants: ReadonlyArray<string>
): ReadonlyArray<Follower> => [
  follow(url, adminToken, "the auditor", "reads", ledger, audit),
  ...ofTenants.flatMap((token, tenant) =>
    manners.map((manner, n) => follow(url, token, `follower ${tenant}.${n}, which ${manner}`, manner, ledger))
  )
]

/** Makes the keys, begins to follow, registers the instances. Real gateways are stopped when the scope closes. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const { adminToken, ledger, realGateways, url } = options
  const connect = clientOf(url)
  const admin = yield* connect(adminToken)
  const tokens = yield* Effect.forEach(Load.tenants, (tenantId) =>
    Effect.map(admin.CreateKey({ name: "soak", role: "tenant", tenantId }), ({ token }) => token)
  )
  const ofTenants = yield* Effect.forEach(tokens, connect)
  const following = yield* Effect.acquireRelease(
    Effect.sync(() => followers(options, tokens)),
    (all) => Effect.sync(() => all.forEach(({ close }) => close()))
  )
  yield* Effect.sync(() => (ledger.counts["followers connected"] ?? 0) >= following.length).pipe(
    Effect.repeat({ until: (all) => all, schedule: Schedule.spaced("100 millis") }),
    Effect.timeout("30 seconds")
  )
  const field: Load.Field = { admin, ofTenants, ledger, realGateways, clientOf: connect }
  yield* Effect.acquireRelease(Load.registerAll(field), () => Load.stopReal(field), { interruptible: true })
  return { field, following }
})

/** Waits for the end of what was accepted. What does not end is a fault. */
export const settle = Effect.fnUntraced(function* (ledger: Ledger) {
  yield* Effect.sync(() => ledger.unfinished === 0).pipe(
    Effect.repeat({ until: (none) => none, schedule: Schedule.spaced("250 millis") }),
    Effect.timeoutOption(settleWithin)
  )
  if (ledger.unfinished > 0) {
    ledger.fault(
      `${ledger.unfinished} accepted tasks were not seen to end within ${settleWithin} of the last: ${ledger.openIds(5).join(", ")}`
    )
  }
})
