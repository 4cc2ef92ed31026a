/**
 * What tenants and their operator do all day: tasks alone and in bulk, cancelled ones, scheduled ones, some that come
 * too late; lanes used once; sessions opened, talked to and closed; instances, keys and reads. Each at its rate,
 * whatever becomes of those before; at most a few of one kind at once.
 */
import { Effect, type Scope } from "effect"
import { type ClawsterClient, Ids } from "../src/client.ts"
import type { Rates } from "./Forms.ts"
import type { Ledger } from "./Ledger.ts"

type Client = ClawsterClient["Service"]

const simulated = { requiredCapabilities: ["simulated"] }
const atOnce = 20
const bulkSize = 30

export const tenants = ["acme", "bolt", "core"].map((name) => Ids.TenantId.make(name))
export const realGateway = (n: number) => Ids.InstanceId.make(`real-${n}`)
const standing = Array.from({ length: 6 }, (_, n) => Ids.InstanceId.make(`sim-${n}`))

export interface Field {
  readonly admin: Client
  readonly ofTenants: ReadonlyArray<Client>
  readonly ledger: Ledger
  readonly realGateways: number
  /** A client with a key that was made a moment ago. */
  readonly clientOf: (token: string) => Effect.Effect<Client, never, Scope.Scope>
}

const codeOf = (error: unknown): string => {
  const { _tag = "unknown", reason } = error as { readonly _tag?: string; readonly reason?: { readonly _tag?: string } }
  return reason?._tag === undefined ? _tag : `${_tag} ${reason._tag}`
}

const registered = (client: Client, instanceId: Ids.InstanceId, driver: "simulated" | "process", capability: string) =>
  client.RegisterInstance({
    driver,
    instanceId,
    capabilities: [capability],
    maxConcurrentTasks: driver === "process" ? 4 : 16,
    ...(driver === "process" ? { placement: Ids.hostPlacement("test-host") } : {})
  })

const warm = (client: Client, instanceId: Ids.InstanceId) =>
  client
    .GetInstance({ instanceId })
    .pipe(
      Effect.delay("250 millis"),
      Effect.repeat({ until: ({ phase }) => phase === "warm" }),
      Effect.timeout("180 seconds")
    )

export const registerAll = ({ admin, realGateways }: Field) =>
  Effect.gen(function* () {
    const real = Array.from({ length: realGateways }, (_, n) => realGateway(n))
    yield* Effect.forEach(standing, (id) => registered(admin, id, "simulated", "simulated"), { discard: true })
    yield* Effect.forEach(real, (id) => registered(admin, id, "process", "real"), { discard: true })
    yield* Effect.forEach([...standing, ...real], (id) => warm(admin, id), { concurrency: 8, discard: true })
  })

/** So that nothing of the run outlives it. */
export const stopReal = ({ admin, realGateways }: Field) =>
  Effect.forEach(
    Array.from({ length: realGateways }, (_, n) => realGateway(n)),
    (instanceId) =>
      admin
        .StopInstance({ instanceId, graceMillis: 0 })
        .pipe(
          Effect.andThen(
            admin
              .GetInstance({ instanceId })
              .pipe(Effect.delay("250 millis"), Effect.repeat({ until: ({ phase }) => phase === "stopped" }))
          ),
          Effect.timeout("30 seconds"),
          Effect.ignoreCause
        ),
    { concurrency: 4, discard: true }
  )

const activities = ({ admin, clientOf, ledger, ofTenants, realGateways }: Field) => {
  const clientAt = (n: number) => ofTenants[n % ofTenants.length]!
  const laneAt = (n: number) => Ids.LaneName.make(["default", "bulk", "night"][n % 3]!)
  const submit = (n: number, tasks: Parameters<Client["SubmitTasks"]>[0]["tasks"]) =>
    Effect.map(clientAt(n).SubmitTasks({ tasks }), (receipts) => {
      for (const { outcome, taskId } of receipts.tasks) {
        if (outcome === "accepted" || outcome === "duplicate") ledger.accepted(taskId)
        else ledger.count(`submits ${outcome}`)
      }
      return receipts.tasks
    })
  const task = (n: number, message: string, more: object = {}) =>
    submit(n, [
      { lane: laneAt(n), payload: { message }, hints: simulated, maxRetries: 10, backoffMillis: 500, ...more }
    ])

  const session = Effect.fnUntraced(function* (n: number, hints: object, message: string) {
    const client = clientAt(n)
    const { sessionId } = yield* client.CreateSession({ hints })
    for (const turn of [1, 2]) {
      const { turnId } = yield* client.SendTurn({ sessionId, message: `${message}, turn ${turn}` })
      const { phase } = yield* client.awaitTurn({ sessionId, turnId }, 120_000)
      ledger.count(`turns ${phase}`)
    }
    yield* client.TerminateSession({ sessionId })
    ledger.count("sessions closed")
  })

  const instance = Effect.fnUntraced(function* (n: number) {
    const instanceId = Ids.InstanceId.make(`passing-${n}`)
    yield* registered(admin, instanceId, "simulated", "passing")
    yield* warm(admin, instanceId)
    yield* task(n, "work at a passing instance", { hints: { instanceId }, deadlineAt: Date.now() + 60_000 })
    yield* Effect.sleep("3 seconds")
    yield* admin.DeregisterInstance({ instanceId, force: true })
    ledger.count("instances deregistered")
  })

  const key = Effect.fnUntraced(function* (n: number) {
    const {
      key: { keyId },
      token
    } = yield* admin.CreateKey({ name: `passing ${n}`, role: "tenant", tenantId: tenants[n % tenants.length]! })
    yield* Effect.flatMap(clientOf(token), (client) => client.ListTasks({ limit: 10 }))
    yield* admin.RevokeKey({ keyId })
    ledger.count("keys revoked")
  })

  const reads: ReadonlyArray<(n: number) => Effect.Effect<unknown, unknown>> = [
    (n) => clientAt(n).ListTasks({ limit: 50 }),
    () => admin.ListInstances({ limit: 100 }),
    (n) => clientAt(n).ListLanes({ limit: 50 }),
    (n) => clientAt(n).ListSessions({ limit: 50 }),
    (n) => admin.InstanceLogs({ instanceId: standing[n % standing.length]!, limit: 20 }),
    () => admin.ListKeys({ limit: 100 })
  ]

  return {
    task: (n) =>
      task(n, `work ${n} [[delay ${20 + (n % 10) * 20}]]`, {
        priority: (["low", "normal", "high", "critical"] as const)[n % 4]
      }),
    bulk: (n) =>
      submit(
        n,
        Array.from({ length: bulkSize }, (_, i) => ({
          lane: Ids.LaneName.make("bulk"),
          payload: { message: `piece ${i} [[delay 30]]` },
          hints: simulated,
          maxRetries: 10
        }))
      ),
    cancelled: (n) =>
      Effect.flatMap(task(n, "never mind [[delay 20000]]"), ([receipt]) =>
        clientAt(n).CancelTask({ taskId: receipt!.taskId, reason: "not needed" })
      ),
    scheduled: (n) => task(n, "later", { notBefore: Date.now() + 5_000 }),
    late: (n) => task(n, "too late", { notBefore: Date.now() + 2_000, deadlineAt: Date.now() + 2_001 }),
    lane: (n) => task(n, "the only one of its lane", { lane: Ids.LaneName.make(`once-${n}`) }),
    session: (n) => session(n, simulated, "hello"),
    instance,
    key,
    real: (n) =>
      task(n, `say something [[delay 300]]`, {
        hints: { instanceId: realGateway(n % realGateways) },
        timeoutMillis: 60_000
      }),
    realTurn: (n) => session(n, { instanceId: realGateway(n % realGateways) }, "tell me more"),
    read: (n) => reads[n % reads.length]!(n)
  } satisfies Record<keyof Rates, (n: number) => Effect.Effect<unknown, unknown, Scope.Scope>>
}

/** Goes on until it is interrupted. */
export const run = (field: Field, rates: Rates) =>
  Effect.gen(function* () {
    const { ledger } = field
    const loops = Object.entries(activities(field)) as ReadonlyArray<
      readonly [keyof Rates, (n: number) => Effect.Effect<unknown, unknown, Scope.Scope>]
    >
    const loop = Effect.fnUntraced(function* (
      kind: keyof Rates,
      act: (n: number) => Effect.Effect<unknown, unknown, Scope.Scope>
    ) {
      const perSecond = kind === "bulk" ? rates.bulk / bulkSize : rates[kind]
      if (perSecond === 0 || (kind.startsWith("real") && field.realGateways === 0)) return
      let underWay = 0
      for (let n = 0; ; n++) {
        yield* Effect.sleep((1_000 / perSecond) * (0.5 + Math.random()))
        if (underWay >= atOnce) {
          ledger.count(`${kind} left out, since ${atOnce} were under way`)
          continue
        }
        underWay++
        yield* act(n).pipe(
          Effect.scoped,
          Effect.matchCause({
            onSuccess: () => ledger.count(`${kind} done`),
            onFailure: (cause) =>
              cause.reasons.forEach((reason) =>
                reason._tag === "Interrupt"
                  ? undefined
                  : ledger.error(
                      `${kind}: ${reason._tag === "Fail" ? codeOf(reason.error) : String(reason.defect).slice(0, 80)}`
                    )
              )
          }),
          Effect.ensuring(Effect.sync(() => void underWay--)),
          Effect.forkChild
        )
      }
    })
    yield* Effect.forEach(loops, ([kind, act]) => loop(kind, act), { concurrency: loops.length, discard: true })
  })
