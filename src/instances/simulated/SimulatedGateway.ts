/**
 * One simulated gateway: the state that outlives its process (sessions, the highest epoch, log, exits), the process
 * while it is running, and the links to it. Everything is synchronous; the driver and the link wrap it in effects.
 */
import { Semaphore } from "effect"
import type { Turn, TurnEnd } from "../../openclaw/GatewayLink.ts"
import type { InstanceId } from "../../schema/Ids.ts"
import type { Executions } from "./Executions.ts"
import { type Fault, Faults } from "./SimulatedFaults.ts"
import type { GatewayOptions } from "./GatewayOptions.ts"
import { GatewayProcess, type ProcessOwner } from "./GatewayProcess.ts"
import type { Run } from "./SimulatedRun.ts"
import { Session } from "./SimulatedSession.ts"
import type { Timer, Timers } from "./FleetTimers.ts"
import { fromMessage, type TurnScript } from "./TurnScript.ts"

/** The gateway's handle on a link. */
export interface GatewaySocket {
  readonly lost: (why: string) => void
  readonly reachable: () => void
}

export interface GatewayExit {
  readonly exitCode: number
  readonly message: string
}

const exitsKept = 64
const logLinesKept = 500
const maxMessageBytes = 26_214_400
const sessionKey = /^agent:([a-z0-9._-]{1,128}):[^\s]{1,512}$/

export class Gateway implements ProcessOwner {
  readonly instanceId: InstanceId
  readonly options: GatewayOptions
  readonly executions: Executions
  readonly faults = new Faults()
  /** Runs starts and stops one at a time. */
  readonly lifecycle = Semaphore.makeUnsafe(1)
  readonly sessions = new Map<string, Session>()
  readonly sockets = new Set<GatewaySocket>()
  process: GatewayProcess | undefined
  epoch = 0
  boots = 0
  connections = 0
  #mostActive = 0
  readonly #timers: Timers
  readonly #exits = new Map<string, GatewayExit>()
  readonly #exitWaiters = new Map<string, Set<(exit: GatewayExit) => void>>()
  #log: Array<string> = []
  /** Unix milliseconds at which the process ends itself. */
  #keptUntil = Infinity
  #lifeline: Timer | undefined
  /** A gateway that was left idle is kept without being renewed. */
  #isLeft = false

  constructor(instanceId: InstanceId, options: GatewayOptions, executions: Executions, timers: Timers) {
    this.instanceId = instanceId
    this.options = options
    this.executions = executions
    this.#timers = timers
  }

  /** The most runs at once, over all of its processes. */
  get mostActive(): number {
    return Math.max(this.#mostActive, this.process?.mostActive ?? 0)
  }

  get url(): string {
    return `ws://simulated/${this.instanceId}`
  }

  now(): number {
    return this.#timers.now()
  }

  after(millis: number, run: () => void): Timer {
    return this.#timers.after(millis, run)
  }

  /** Returns `false` for an epoch lower than the highest that was seen. */
  fence(epoch: number): boolean {
    if (epoch < this.epoch) return false
    this.epoch = epoch
    return true
  }

  /** Keeps the process for another lifeline. */
  renew(): void {
    const { orphanAfterMillis } = this.options
    if (orphanAfterMillis === undefined || this.process === undefined) return
    this.#isLeft = false
    this.#keptUntil = this.now() + orphanAfterMillis
    if (this.#lifeline === undefined) this.#lifeline = this.after(orphanAfterMillis, () => this.#onLifeline())
  }

  leave(): void {
    this.#isLeft = true
  }

  #onLifeline(): void {
    this.#lifeline = undefined
    if (this.process === undefined) return
    const left = this.#isLeft ? this.options.orphanAfterMillis! : this.#keptUntil - this.now()
    if (left > 0) this.#lifeline = this.after(left, () => this.#onLifeline())
    else
      this.#end(
        { exitCode: 143, message: "no runner kept the gateway (exit code 143)" },
        "the gateway is stopping (1012)"
      )
  }

  boot(): GatewayProcess {
    this.boots += 1
    const process = new GatewayProcess(
      this,
      `boot-${this.instanceId}-${this.boots}`,
      `simulated-${this.instanceId}-${this.boots}`
    )
    this.process = process
    this.renew()
    this.log(`gateway started, boot ${process.bootId}`)
    for (const session of this.sessions.values()) process.resumeInterrupted(session)
    this.#answerSockets()
    return process
  }

  /** Ends the process at once, like SIGKILL, and interrupts its running turns. */
  kill(): void {
    this.#end({ exitCode: 137, message: "the gateway was killed (exit code 137)" }, "the socket was lost (1006)")
  }

  terminate(): void {
    this.#end({ exitCode: 0, message: "the gateway was stopped (exit code 0)" }, "the gateway is stopping (1012)")
  }

  #end(exit: GatewayExit, closeReason: string): void {
    const { process } = this
    if (process === undefined) return
    this.#mostActive = this.mostActive
    this.process = undefined
    process.die()
    this.log(exit.message)
    this.#exits.set(process.incarnation, exit)
    if (this.#exits.size > exitsKept) this.#exits.delete(this.#exits.keys().next().value!)
    this.dropSockets(closeReason)
    const waiters = this.#exitWaiters.get(process.incarnation)
    this.#exitWaiters.delete(process.incarnation)
    for (const wake of waiters ?? []) wake(exit)
  }

  /** Calls back when the incarnation has ended, at once when it already has. */
  onExit(incarnation: string, callback: (exit: GatewayExit) => void): () => void {
    if (this.process?.incarnation !== incarnation) {
      callback(this.#exits.get(incarnation) ?? { exitCode: 0, message: "this incarnation does not run" })
      return () => {}
    }
    const waiters = this.#exitWaiters.get(incarnation) ?? new Set()
    this.#exitWaiters.set(incarnation, waiters.add(callback))
    return () => waiters.delete(callback)
  }

  get answers(): boolean {
    return this.process !== undefined && this.faults.standing("unreachable") === undefined
  }

  dropSockets(why: string): void {
    for (const socket of Array.from(this.sockets)) socket.lost(why)
  }

  order(fault: Fault): void {
    this.faults.order(fault)
    if (fault._tag === "unreachable") this.dropSockets("the socket was lost (1006)")
  }

  /** Returns `false` when this gateway is not running the turn. */
  finish(runKey: string, end: TurnEnd | undefined): boolean {
    const run = this.process?.find(runKey)
    if (run === undefined || run.state !== "running") return false
    this.process!.finish(run, end)
    return true
  }

  heal(fault?: Fault): void {
    this.faults.heal(fault)
    this.#answerSockets()
  }

  #answerSockets(): void {
    if (this.answers) for (const socket of Array.from(this.sockets)) socket.reachable()
  }

  script(run: Run, message: string, runKey: string): TurnScript {
    const request = { instanceId: this.instanceId, sessionKey: run.session.key, message, runKey, resumed: run.resumed }
    const { handler } = this.options
    return handler === undefined ? fromMessage(request) : { ...fromMessage(request), ...handler(request) }
  }

  /** The session for this turn, or the reason why the gateway refuses the turn. */
  admit(turn: Pick<Turn, "sessionKey" | "message">): Session | string {
    if (turn.message.length > maxMessageBytes) return "the message is larger than 25 MiB"
    return this.session(turn.sessionKey) ?? "sessionKey must be agent:main:<name>"
  }

  /** The session, created on first use; undefined when the key names an agent that this gateway does not have. */
  session(key: string): Session | undefined {
    const folded = key.toLowerCase()
    const found = this.sessions.get(folded)
    if (found !== undefined) return found
    const [, agent] = sessionKey.exec(folded) ?? []
    if (agent !== "main") return undefined
    if (this.sessions.size >= this.options.maxSessions) this.#forgetSession()
    const session = new Session(folded, `session-${this.instanceId}-${this.boots}-${this.sessions.size + 1}`)
    this.sessions.set(folded, session)
    return session
  }

  #forgetSession(): void {
    for (const [key, session] of this.sessions) {
      if (this.process?.isBusy(session) !== true && session.interrupted === undefined) {
        this.sessions.delete(key)
        return
      }
    }
  }

  /** Removes the sessions, exits and log of a registration that has ended; the epoch stays. */
  erase(): void {
    this.sessions.clear()
    this.#exits.clear()
    this.#log = []
  }

  log(line: string): void {
    this.#log.push(line)
    if (this.#log.length > logLinesKept) this.#log = this.#log.slice(logLinesKept / 2)
  }

  logs(limit: number): ReadonlyArray<string> {
    return limit <= 0 ? [] : this.#log.slice(-limit)
  }
}
