/**
 * One session of a simulated gateway: transcript and turn records, which a real gateway keeps on disk, so that they
 * outlive the process. Which runs it has is in the process's memory (RunScheduler.ts) and is lost with it.
 */
import type { GatewaySession, HistoryMessage, Reconciled, TurnEnd } from "../../openclaw/GatewayLink.ts"

/**
 * One turn in the transcript. Several keys may share it: a steered message is answered by the run that it was steered
 * into.
 */
export interface TurnRecord {
  readonly runId: string
  end: TurnEnd | undefined
}

/** What a process knows of the run of a key. */
interface KnownRun {
  readonly runId: string
  readonly resumed: boolean
  readonly end: TurnEnd | undefined
}

export interface Interrupted {
  readonly runKey: string
  readonly message: string
  readonly record: TurnRecord
  attempts: number
}

const rowsKept = 2_000
const recordsKept = 2_000

export class Session {
  readonly key: string
  readonly sessionId: string
  label: string | undefined
  status: "idle" | "running" | "done" | "failed" = "idle"
  lastRunId: string | undefined
  updatedAt = 0
  interrupted: Interrupted | undefined
  #rows: Array<HistoryMessage> = []
  readonly #records = new Map<string, TurnRecord>()

  constructor(key: string, sessionId: string) {
    this.key = key
    this.sessionId = sessionId
  }

  record(runKey: string): TurnRecord | undefined {
    return this.#records.get(runKey)
  }

  /** Stores the record of this key. The last 2,000 records are kept. */
  remember(runKey: string, record: TurnRecord): void {
    this.#records.set(runKey, record)
    if (this.#records.size > recordsKept) this.#records.delete(this.#records.keys().next().value!)
  }

  /**
   * Appends the user's row, and stores the record under which its answer will be found. At most 2,000 rows are kept.
   */
  appendUser(runKey: string, text: string, record: TurnRecord, timestamp: number): void {
    this.remember(runKey, record)
    this.#append({ role: "user", text, idempotencyKey: `${runKey}:user`, timestamp })
  }

  appendSystem(text: string, timestamp: number): void {
    this.#append({ role: "user", text, timestamp })
  }

  appendAssistant(text: string, runId: string, timestamp: number): void {
    this.#append({ role: "assistant", text, runId, timestamp })
  }

  #append(row: HistoryMessage): void {
    this.updatedAt = row.timestamp ?? this.updatedAt
    if (this.#rows.length >= rowsKept) this.#rows = this.#rows.slice(rowsKept / 2)
    this.#rows.push(row)
  }

  history(limit: number): ReadonlyArray<HistoryMessage> {
    return this.#rows.slice(-limit)
  }

  reset(timestamp: number): void {
    this.#rows = []
    this.#records.clear()
    this.interrupted = undefined
    this.appendSystem("[System] session reset", timestamp)
  }

  /**
   * The reconcile rule: a key in the transcript with an answer is done. A key in it without an answer is running in
   * this process or being resumed by it. A key that is not in it is safe to send, unless this process has it in a queue
   * or an earlier process had.
   */
  reconcile(runKey: string, run: KnownRun | undefined): Reconciled {
    const record = this.#records.get(runKey)
    if (record?.end !== undefined) return { _tag: "done", end: record.end }
    if (run?.resumed) return { _tag: "resuming", runId: run.runId }
    if (run?.end !== undefined) return { _tag: "done", end: run.end }
    if (run !== undefined) return { _tag: "running", runId: run.runId }
    return record === undefined ? { _tag: "absent" } : { _tag: "resuming" }
  }

  describe(): GatewaySession {
    return {
      key: this.key,
      sessionId: this.sessionId,
      status: this.status,
      updatedAt: this.updatedAt,
      ...(this.lastRunId === undefined ? {} : { lastRunId: this.lastRunId }),
      ...(this.label === undefined ? {} : { label: this.label })
    }
  }
}
