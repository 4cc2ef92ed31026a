/** Which work of each tenant waits for a slot and which runs, from the journal alone. Times are virtual ms. */
import type { StoredRow } from "../../store/Database.ts"

type Event = StoredRow["events"][number]

export interface Work {
  readonly tenantId: string
  readonly isRunning: boolean
  /** When it began to wait, or to run. */
  readonly since: number
}

export interface TenantAccount {
  readonly tenantId: string
  weight: number
  waiting: number
  running: number
  /** Time that its runs have taken until `countedAt`. */
  runMillis: number
  countedAt: number
  /** Since when something of it has waited without a break; undefined while nothing waits. */
  waitingSince: number | undefined
}

const ends = new Set(["task.completed", "task.failed", "task.cancelled", "task.dead_lettered", "task.retrying"])

const runMillisAt = ({ countedAt, runMillis, running }: TenantAccount, now: number): number =>
  runMillis + running * (now - countedAt)

export class TenantLedger {
  readonly tenants = new Map<string, TenantAccount>()
  /** By the kind and key of the work. */
  readonly works = new Map<string, Work>()
  readonly #onStart: (key: string, waited: Work, now: number) => void

  /** `onStart` is called with what begins to run after it has waited, before that is counted. */
  constructor(onStart: (key: string, waited: Work, now: number) => void = () => {}) {
    this.#onStart = onStart
  }

  of(tenantId: string): TenantAccount {
    let account = this.tenants.get(tenantId)
    if (account === undefined) {
      account = { tenantId, weight: 1, waiting: 0, running: 0, runMillis: 0, countedAt: 0, waitingSince: undefined }
      this.tenants.set(tenantId, account)
    }
    return account
  }

  #count(tenantId: string, waiting: number, running: number, now: number): void {
    const account = this.of(tenantId)
    account.runMillis = runMillisAt(account, now)
    account.countedAt = now
    account.running += running
    account.waiting += waiting
    account.waitingSince = account.waiting > 0 ? (account.waitingSince ?? now) : undefined
  }

  #remove(key: string, now: number): void {
    const work = this.works.get(key)
    if (work === undefined) return
    this.works.delete(key)
    this.#count(work.tenantId, work.isRunning ? 0 : -1, work.isRunning ? -1 : 0, now)
  }

  #put(key: string, work: Work): void {
    const { isRunning, since, tenantId } = work
    const before = this.works.get(key)
    if (isRunning && before?.isRunning === false) this.#onStart(key, before, since)
    this.works.set(key, work)
    this.#count(tenantId, isRunning ? 0 : 1, isRunning ? 1 : 0, since)
    if (before !== undefined) this.#count(tenantId, before.isRunning ? 0 : -1, before.isRunning ? -1 : 0, since)
  }

  #task(event: Event, now: number): void {
    const { taskId, tenantId } = event
    const key = `task ${tenantId} ${taskId}`
    if (event._tag === "task.submitted" && event["phase"] === "pending") {
      this.#put(key, { tenantId, isRunning: false, since: now })
    }
    if (event._tag === "task.requeued") this.#put(key, { tenantId, isRunning: false, since: now })
    if (event._tag === "task.started") this.#put(key, { tenantId, isRunning: true, since: now })
    if (ends.has(event._tag)) this.#remove(key, now)
  }

  /** Turns wait at their instance, which has a slot for each run. */
  #turn(event: Event, now: number): void {
    const { runKey, sessionId, tenantId, turnId } = event
    if (turnId === undefined) return
    const key = `turn ${tenantId} ${sessionId} ${runKey}`
    if (event._tag === "run.internal_queued") this.#put(key, { tenantId, isRunning: false, since: now })
    if (event._tag === "run.accepted") this.#put(key, { tenantId, isRunning: true, since: now })
    if (event._tag === "run.ended") this.#remove(key, now)
  }

  take({ committedAt, entityType, events }: StoredRow): void {
    for (const event of events) {
      if (event._tag === "tenant.set") this.of(event["tenantId"]).weight = event["weight"] ?? 1
      if (entityType === "Lane") this.#task(event, committedAt)
      if (entityType === "Instance") this.#turn(event, committedAt)
    }
  }

  runMillis(account: TenantAccount, now: number): number {
    return runMillisAt(account, now)
  }
}
