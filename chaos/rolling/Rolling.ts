/**
 * A rolling upgrade of a cluster under load, from an older revision of this repository to the sources at hand. Two
 * loads: callers of the gateway process, all along (those of the soak), and the campaign's own calls from process to
 * runner, once the tables are of the new version. Tables, processes and order are an operator's (docs/operations.md).
 */
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import * as Edge from "../../soak/Edge.ts"
import { Ledger } from "../../soak/Ledger.ts"
import * as EdgeLoad from "../../soak/Load.ts"
import type { Rates } from "../../soak/Forms.ts"
import * as Campaign from "../Campaign.ts"
import * as Load from "../Load.ts"
import * as Report from "../Report.ts"
import * as Sources from "../Sources.ts"
import * as World from "../World.ts"
import * as EdgeEvidence from "./EdgeEvidence.ts"
import * as GatewayProcess from "./GatewayProcess.ts"
import { steps, type Upgrade } from "./Steps.ts"

/** With the one before the tables are migrated. */
export const stages = 8

export interface Options {
  /** The revision that is upgraded. */
  readonly from: string
  /** The least that a stage takes. */
  readonly seconds: number
  readonly real: boolean
  /** Of the load; below 1 on a machine that has no room for all of it. */
  readonly load: number
  /** Of the runners; a machine without room lets a process stand still for longer than the default. */
  readonly leaseMillis: number
  readonly verbose: boolean
  readonly say: (line: string) => void
}

/** An eighth of the campaign's: callers of the gateway process share the machine. */
const ownRates: Load.Rates = { Add: 30, Get: 10, Pass: 3, Work: 1, Submit: 2, real: 0 }
const edgeRates: Rates = {
  task: 2,
  bulk: 1,
  cancelled: 0.2,
  scheduled: 0.2,
  late: 0.1,
  lane: 0.1,
  session: 0.2,
  instance: 0.03,
  key: 0.05,
  real: 0.1,
  realTurn: 0.05,
  read: 0.3
}

const scaled = <Rates extends { readonly [kind: string]: number }>(rates: Rates, factor: number): Rates =>
  Object.fromEntries(Object.entries(rates).map(([kind, rate]) => [kind, rate * factor])) as Rates

/** `clawster migrate` of these sources. Answers what it printed. */
const migrateWith = (sources: Sources.Sources, databaseUrl: string) =>
  Effect.tryPromise(() =>
    promisify(execFile)(process.execPath, [Sources.migrateOf(sources)], {
      env: { ...process.env, DATABASE_URL: databaseUrl }
    })
  ).pipe(Effect.map(({ stdout }) => stdout))

const firstKeyIn = (output: string): string => {
  const key = /first API key[^:]*: (\S+)/.exec(output)?.[1]
  if (key === undefined) throw new Error(`the migration printed no key: ${output}`)
  return key
}

type Staged = Effect.Success<ReturnType<typeof World.stage<string, unknown, never>>>

/**
 * From the migration on. The campaign's own client is of the new version, as a gateway process that is replaced first.
 */
const upgrade = Effect.fnUntraced(function* (world: Staged, { gateway, older }: Upgrade, options: Options) {
  const { say, seconds, verbose } = options
  say(`migrate: ${(yield* migrateWith(Sources.present, world.databaseUrl)).trim()}`)
  const context = yield* World.connect(world.server)
  const running = Effect.gen(function* () {
    const load = yield* Load.make()
    const { run } = yield* Campaign.make({ world, load, rates: scaled({ ...ownRates }, options.load), seconds })
    const results: Array<Report.PhaseResult> = []
    for (const step of steps({ gateway, older })) {
      say(`\n${step.name}: ${step.what}`)
      results.push(yield* run(step))
      say(Report.table(results.slice(-1)))
      if (!verbose) continue
      for (const { name, process: runner } of world.runners) say(`--- ${name}\n${runner().output().slice(-3_000)}`)
      say(`--- gateway\n${gateway.output().slice(-3_000)}`)
    }
    return results
  })
  return yield* Effect.provide(running, context)
})

export const run = Effect.fnUntraced(function* (options: Options) {
  const { from, real, say, seconds } = options
  const older = yield* Sources.checkout(from)
  const world = yield* World.stage({
    real,
    sources: older,
    prepare: (url) => migrateWith(older, url),
    settings: { CLAWSTER_LEASE_MILLIS: String(options.leaseMillis) }
  })
  const gateway = yield* GatewayProcess.make(older, { ...world.env, DATABASE_URL: world.databaseUrl })
  say(`three runners and a gateway process of ${older.name} serve; from them to the sources at hand`)
  const ledger = new Ledger()
  const evidence = EdgeEvidence.make(ledger)
  const { field } = yield* Edge.make({
    url: gateway.url,
    adminToken: firstKeyIn(world.prepared),
    ledger,
    realGateways: real ? 1 : 0,
    manners: ["reads", "slow"],
    audit: evidence.audit
  })
  const edgeLoad = yield* Effect.forkScoped(EdgeLoad.run(field, scaled({ ...edgeRates }, options.load)))
  yield* Effect.sleep(seconds * 1_000)
  const results = yield* upgrade(world, { older, gateway }, options)
  yield* evidence.stop(edgeLoad)
  const edge = yield* Effect.provide(evidence.judge, world.database)
  const all = [...results, edge]
  say(`\n${Report.table(all)}`)
  return all
})
