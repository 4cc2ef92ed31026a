/** How simulated gateways behave when no fault is ordered. */
import type { TurnHandler } from "./TurnScript.ts"

export interface GatewayOptions {
  /** Maximum concurrent runs in one gateway, like `agents.defaults.maxConcurrent`. */
  readonly maxConcurrentRuns: number
  /** Milliseconds that a start takes. */
  readonly startMillis: number
  /** Milliseconds added to every turn. */
  readonly turnMillis: number
  /** Milliseconds between two words of an answer, while its turn takes time. Absent: half of the answer at once. */
  readonly wordMillis?: number
  /**
   * Milliseconds that the gateway retries a provider that answers 5xx before the turn fails; the real one takes about
   * 75 s.
   */
  readonly providerRetryMillis: number
  /** Milliseconds from the start of a process until it resumes the turns that a crash interrupted. */
  readonly resumeAfterMillis: number
  /** Milliseconds from the loss of a socket to its reconnection. */
  readonly reconnectMillis: number
  readonly requestTimeoutMillis: number
  readonly connectTimeoutMillis: number
  /** Maximum sessions per gateway; above it the oldest idle session is removed. */
  readonly maxSessions: number
  /** Milliseconds after which a gateway that no runner renews ends itself; it never does when not given. */
  readonly orphanAfterMillis?: number
  readonly token: string
  /** Decides what a turn does instead of its message. Fields that it does not return come from the message. */
  readonly handler?: TurnHandler
}

export const defaultOptions: GatewayOptions = {
  maxConcurrentRuns: 8,
  startMillis: 0,
  turnMillis: 0,
  providerRetryMillis: 0,
  resumeAfterMillis: 5_000,
  reconnectMillis: 50,
  requestTimeoutMillis: 30_000,
  connectTimeoutMillis: 10_000,
  maxSessions: 10_000,
  token: "simulated"
}
