/**
 * One process of a simulated gateway; all state here is lost when it ends. Run keys are deduplicated only here, as in
 * the real gateway, so a key that was used before a crash is accepted again and then fails on the transcript.
 */
import { failureOf } from "../../openclaw/protocol/RunFailures.ts"
import type { GatewayLane, Suspension, Turn, TurnEnd } from "../../openclaw/GatewayLink.ts"
import type { QueueMode } from "../../schema/Session.ts"
import type { Executions } from "./Executions.ts"
import type { Timer } from "./FleetTimers.ts"
import type { GatewayOptions } from "./GatewayOptions.ts"
import { RunScheduler } from "./RunScheduler.ts"
import type { Faults } from "./SimulatedFaults.ts"
import { Run } from "./SimulatedRun.ts"
import type { Session } from "./SimulatedSession.ts"
import { SuspensionLease } from "./SuspensionLease.ts"
import type { TurnScript } from "./TurnScript.ts"
import { ends } from "./TurnScript.ts"

const endedRunsKept = 4_096
const resumeAttempts = 3

/** The gateway, as its process sees it. */
export interface ProcessOwner {
  readonly options: GatewayOptions
  readonly executions: Executions
  readonly faults: Faults
  readonly now: () => number
  readonly after: (millis: number, run: () => void) => Timer
  readonly script: (run: Run, message: string, runKey: string) => TurnScript
  readonly dropSockets: (why: string) => void
  /** Ends this process at once. */
  readonly kill: () => void
}

export class GatewayProcess {
  readonly bootId: string
  readonly incarnation: string
  readonly startedAt: number
  draining = false
  readonly #gateway: ProcessOwner
  readonly #scheduler: RunScheduler
  readonly #runs = new Map<string, Run>()
  readonly #resumed = new Map<string, Run>()
  readonly #sent = new Map<string, string>()
  #endedKeys: Array<string> = []
  readonly #suspension = new SuspensionLease()
  #idleWaiters: Array<() => void> = []
  #ids = 0

  constructor(gateway: ProcessOwner, bootId: string, incarnation: string) {
    this.#gateway = gateway
    this.bootId = bootId
    this.incarnation = incarnation
    this.startedAt = gateway.now()
    this.#scheduler = new RunScheduler(gateway.options.maxConcurrentRuns, (run) => this.#begin(run))
  }

  get active(): number {
    return this.#scheduler.running.size
  }

  get mostActive(): number {
    return this.#scheduler.mostRunning
  }

  /** Keys of the runs that it is executing. */
  get runningKeys(): ReadonlyArray<string> {
    return Array.from(this.#scheduler.running, ({ runKey }) => runKey)
  }

  get queued(): number {
    return this.#scheduler.queued
  }

  isBusy(session: Session): boolean {
    return this.#scheduler.currentOf(session) !== undefined
  }

  get suspended(): boolean {
    return this.#suspension.holds(this.#gateway.now())
  }

  /** The run that will end this turn: after a crash the resumed run, even if the key was sent again since. */
  find(runKey: string): Run | undefined {
    return this.#resumed.get(runKey) ?? this.#runs.get(runKey)
  }

  /** The `agent` call. The same key gets the same run, whatever its text. `read` is called before the run begins. */
  agent(turn: Turn, session: Session, read: (run: Run) => void): void {
    const known = this.#runs.get(turn.runKey)
    if (known !== undefined) return read(known)
    const run = this.#newRun(turn.runKey, turn.runKey, session, turn.message, turn.timeoutSeconds)
    read(run)
    if (session.record(turn.runKey) !== undefined) {
      const end = ends.transcriptGuard()
      session.appendAssistant(`error: ${end.failure!.message}`, run.runId, this.#gateway.now())
      this.#forget(run)
      run.close(end)
    } else {
      this.#scheduler.enqueue(run)
    }
  }

  /** The `chat.send` call. Returns `false` when the key was used before with another text. */
  send(turn: Pick<Turn, "runKey" | "message">, queueMode: QueueMode, session: Session): boolean {
    const before = this.#sent.get(turn.runKey)
    if (before !== undefined) return before === turn.message
    this.#sent.set(turn.runKey, turn.message)
    if (this.#sent.size > endedRunsKept) this.#sent.delete(this.#sent.keys().next().value!)
    const busy = this.#scheduler.currentOf(session)
    if (busy === undefined || queueMode === "interrupt") {
      if (busy !== undefined) this.abort(busy)
      this.#scheduler.enqueue(this.#newRun(turn.runKey, turn.runKey, session, turn.message, undefined))
    } else if (queueMode === "steer") this.#steer(busy, turn)
    else this.#sendLater(turn, queueMode, session)
    return true
  }

  #steer(busy: Run, turn: Pick<Turn, "runKey" | "message">): void {
    const script = this.#gateway.script(busy, turn.message, turn.runKey)
    this.#gateway.executions.onStart(turn.runKey, busy.session.key, turn.message, false)
    busy.session.appendUser(turn.runKey, turn.message, busy.record, this.#gateway.now())
    busy.steered.push(script.text)
  }

  #sendLater(turn: Pick<Turn, "runKey" | "message">, queueMode: QueueMode, session: Session): void {
    const queue = this.#scheduler.queueOf(session)
    const waiting = queueMode === "collect" ? queue.find((run) => run.runId.startsWith("collect-")) : undefined
    if (waiting !== undefined) waiting.message = `${waiting.message}\n\n${turn.message}`
    else
      this.#scheduler.enqueue(
        this.#newRun(`${queueMode}-${this.#nextId()}`, turn.runKey, session, turn.message, undefined)
      )
  }

  #newRun(runId: string, runKey: string, session: Session, message: string, timeoutSeconds: number | undefined): Run {
    const timeoutMillis = timeoutSeconds === undefined ? undefined : timeoutSeconds * 1000
    const run = new Run({ runId, runKey, session, message, timeoutMillis })
    this.#runs.set(runKey, run)
    return run
  }

  /**
   * Resumes the turn that a crash interrupted, under a new run id and at most three times per turn, as the gateway does
   * by itself.
   */
  resumeInterrupted(session: Session): void {
    const cut = session.interrupted
    if (cut === undefined) return
    const run = new Run({
      runId: `resume-${this.#nextId()}`,
      runKey: cut.runKey,
      session,
      message: cut.message,
      timeoutMillis: undefined,
      resumes: cut.record
    })
    this.#resumed.set(cut.runKey, run)
    cut.attempts += 1
    if (cut.attempts > resumeAttempts) {
      session.interrupted = undefined
      this.#close(run, {
        status: "error",
        text: "",
        failure: { code: "UNAVAILABLE", message: "resumed three times without an end", retryable: false }
      })
      return
    }
    this.#scheduler.reserve(run)
    run.timer = this.#gateway.after(this.#gateway.options.resumeAfterMillis, () => this.#scheduler.resume(run))
  }

  #begin(run: Run): void {
    const gateway = this.#gateway
    const { session } = run
    const now = gateway.now()
    run.state = "running"
    session.status = "running"
    session.lastRunId = run.runId
    if (run.resumed) session.appendSystem("[System] Your previous turn was interrupted", now)
    else session.appendUser(run.runKey, run.message, run.record, now)
    gateway.executions.onStart(run.runKey, session.key, run.message, run.resumed)
    if (run.feeds.size > 0) run.emit({ _tag: "Phase", phase: "start" })
    const script = gateway.script(run, run.message, run.runKey)
    this.#perform(run, script)
  }

  #perform(run: Run, script: TurnScript): void {
    const { faults, options } = this.#gateway
    let { delayMillis, outcome } = script
    delayMillis += options.turnMillis + (faults.take("slow")?.millis ?? 0)
    if (faults.take("hang") !== undefined) outcome = "hang"
    const providerError = faults.take("providerError")
    if (providerError !== undefined) outcome = { status: providerError.status }
    if (typeof outcome === "object" && outcome.status >= 500) delayMillis += options.providerRetryMillis
    run.losesReply = faults.take("lostReply") !== undefined
    script.tools.forEach((name, index) => {
      const toolCallId = `${run.runId}-tool-${index + 1}`
      run.emit({ _tag: "ToolStarted", toolCallId, name })
      run.emit({ _tag: "ToolEnded", toolCallId, name, isError: false })
    })
    run.answer =
      typeof outcome === "object" ? ends.providerError(outcome.status) : ends.answer(script.text, run.message)
    const failure = faults.take("failure")
    if (failure !== undefined) {
      run.answer = { status: "error", text: "", failure: failureOf(undefined, failure.message) }
      return this.#endLater(run, 0)
    }
    if (typeof outcome !== "object" && (delayMillis > 0 || outcome === "hang")) {
      if (options.wordMillis === undefined) run.say(script.text.slice(0, Math.ceil(script.text.length / 2)))
      else this.#say(run, script.text.split(" "), 1, options.wordMillis)
    }
    if (faults.take("dropSocket") !== undefined) this.#gateway.dropSockets("the socket was lost (1006)")
    const crash = faults.take("crash")
    if (crash !== undefined) return this.#crashDuring(run, crash.afterMillis ?? 0)
    this.#endLater(run, outcome === "hang" ? Infinity : delayMillis)
  }

  /** Says one word after the other for as long as the turn runs. */
  #say(run: Run, words: ReadonlyArray<string>, count: number, every: number): void {
    if (run.end !== undefined || run.state !== "running" || count > words.length) return
    run.say(words.slice(0, count).join(" "))
    this.#gateway.after(every, () => this.#say(run, words, count + 1, every))
  }

  #crashDuring(run: Run, afterMillis: number): void {
    if (afterMillis === 0) this.#gateway.kill()
    else run.timer = this.#gateway.after(afterMillis, () => this.#gateway.kill())
  }

  #endLater(run: Run, delayMillis: number): void {
    const timesOut = run.timeoutMillis !== undefined && run.timeoutMillis <= delayMillis
    const end = () => this.#close(run, timesOut ? ends.timeout(run.text) : this.#answered(run))
    const millis = timesOut ? run.timeoutMillis! : delayMillis
    if (millis <= 0) end()
    else if (Number.isFinite(millis)) run.timer = this.#gateway.after(millis, end)
  }

  #answered(run: Run): TurnEnd {
    const answer = run.answer!
    return run.steered.length === 0 || answer.status !== "ok"
      ? answer
      : { ...answer, text: [answer.text, ...run.steered].join("\n\n") }
  }

  #close(run: Run, end: TurnEnd): void {
    if (run.end !== undefined) return
    const { session } = run
    const began = run.state === "running"
    if (began) {
      session.appendAssistant(
        end.failure === undefined ? end.text : `error: ${end.failure.message}`,
        run.runId,
        this.#gateway.now()
      )
    }
    if (began || run.resumed) {
      run.record.end = end
      session.status = end.status === "ok" ? "done" : "failed"
      if (run.resumed) session.interrupted = undefined
    }
    this.#gateway.executions.ended += 1
    if (run.losesReply) this.#gateway.dropSockets("the socket was lost (1006)")
    if (end.status === "ok") run.say(end.text)
    run.close(end)
    this.#forget(run)
    this.#scheduler.leave(run)
    if (this.#scheduler.running.size === 0) this.#wakeIdleWaiters()
  }

  /** Ends a hanging or slow run now, with the given end or with the end that it would have had. */
  finish(run: Run, end: TurnEnd | undefined): void {
    if (run.state === "running") this.#close(run, end ?? this.#answered(run))
  }

  abort(run: Run): void {
    this.#close(run, ends.aborted(run.text))
  }

  abortSession(session: Session): void {
    const runs = [...this.#scheduler.queueOf(session), this.#scheduler.currentOf(session)]
    for (const run of runs) if (run !== undefined) this.abort(run)
  }

  #forget(run: Run): void {
    this.#endedKeys.push(run.runKey)
    if (this.#endedKeys.length > endedRunsKept) {
      this.#runs.delete(this.#endedKeys[0]!)
      this.#endedKeys.shift()
    }
  }

  suspend(requestId: string): Suspension {
    return this.#suspension.prepare(requestId, this.#gateway.now(), this.active + this.queued)
  }

  suspension(suspensionId: string): Suspension {
    return this.#suspension.describe(suspensionId, this.#gateway.now(), this.active + this.queued)
  }

  resume(suspensionId: string): void {
    this.#suspension.resume(suspensionId)
  }

  lanes(): ReadonlyArray<GatewayLane> {
    return [
      {
        lane: "main",
        active: this.active,
        queued: this.queued,
        maxConcurrent: this.#gateway.options.maxConcurrentRuns
      }
    ]
  }

  /** Calls back when no run is running any more, at once when none is. */
  whenIdle(callback: () => void): () => void {
    if (this.active === 0) callback()
    else this.#idleWaiters.push(callback)
    return () => {
      this.#idleWaiters = this.#idleWaiters.filter((other) => other !== callback)
    }
  }

  #wakeIdleWaiters(): void {
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const wake of waiters) wake()
  }

  /** Ends the process. Running turns are marked in their sessions for the next process; queued turns will never run. */
  die(): void {
    for (const run of this.#scheduler.running) {
      run.timer?.cancel()
      run.session.interrupted ??= { runKey: run.runKey, message: run.message, record: run.record, attempts: 0 }
    }
    for (const run of this.#scheduler.runs) {
      run.timer?.cancel()
      if (run.state !== "queued" || run.resumed) continue
      run.record.end = ends.neverBegan()
      run.session.remember(run.runKey, run.record)
    }
    this.#scheduler.clear()
    this.#wakeIdleWaiters()
  }

  #nextId(): string {
    this.#ids += 1
    return `${this.bootId}-${this.#ids}`
  }
}
