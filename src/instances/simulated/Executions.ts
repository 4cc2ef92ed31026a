/**
 * Counts how often each turn reached the simulated model, for exactly-once checks. A turn that the gateway resumes
 * after a crash is counted as resumed, not as a second execution, since the gateway itself continues it.
 */

export interface ExecutionCount {
  readonly runKey: string
  readonly message: string
  readonly sessionKey: string
  readonly executions: number
  readonly resumed: number
}

export class Executions {
  #byRunKey = new Map<string, { message: string; sessionKey: string; executions: number; resumed: number }>()
  #byMessage = new Map<string, number>()
  started = 0
  resumed = 0
  ended = 0
  readonly #enabled: boolean
  readonly #limit: number

  constructor(enabled: boolean, limit = 1_000_000) {
    this.#enabled = enabled
    this.#limit = limit
  }

  onStart(runKey: string, sessionKey: string, message: string, resumed: boolean): void {
    if (resumed) this.resumed += 1
    else this.started += 1
    if (!this.#enabled) return
    let entry = this.#byRunKey.get(runKey)
    if (entry === undefined) {
      if (this.#byRunKey.size >= this.#limit) return
      entry = { message, sessionKey, executions: 0, resumed: 0 }
      this.#byRunKey.set(runKey, entry)
    }
    if (resumed) entry.resumed += 1
    else {
      entry.executions += 1
      this.#byMessage.set(message, (this.#byMessage.get(message) ?? 0) + 1)
    }
  }

  of(runKey: string): ExecutionCount {
    const entry = this.#byRunKey.get(runKey)
    return { runKey, ...(entry ?? { message: "", sessionKey: "", executions: 0, resumed: 0 }) }
  }

  ofMessage(message: string): number {
    return this.#byMessage.get(message) ?? 0
  }

  /**
   * Every run key that was seen, in the order of first execution. Once 1,000,000 keys are kept, further keys are not
   * counted.
   */
  all(): ReadonlyArray<ExecutionCount> {
    return Array.from(this.#byRunKey, ([runKey, entry]) => ({ runKey, ...entry }))
  }

  /** Messages that reached the model more than once. */
  repeatedMessages(): ReadonlyArray<string> {
    return Array.from(this.#byMessage)
      .filter(([, times]) => times > 1)
      .map(([message]) => message)
  }
}
