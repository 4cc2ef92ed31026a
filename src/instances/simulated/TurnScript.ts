/**
 * Decides what a simulated model does with a message, from directives in the text or from a handler of the fleet. Pure.
 */
import { failureOf } from "../../openclaw/protocol/RunFailures.ts"
import type { TurnEnd } from "../../openclaw/GatewayLink.ts"

export interface TurnRequest {
  readonly instanceId: string
  readonly sessionKey: string
  readonly message: string
  readonly runKey: string
  /** True when the gateway resumes a turn that a crash interrupted. */
  readonly resumed: boolean
}

export interface TurnScript {
  readonly text: string
  readonly delayMillis: number
  readonly tools: ReadonlyArray<string>
  /** A hanging turn runs until it is aborted, times out, is finished by the test, or its gateway dies. */
  readonly outcome: "answer" | "hang" | { readonly status: number }
}

export type TurnHandler = (request: TurnRequest) => Partial<TurnScript>

const directive = /\[\[\s*([a-z]+)(?:\s+([^\]]*?))?\s*\]\]/gi
const maxDelayMillis = 600_000

/**
 * Interprets the demo model's directives: `[[delay MILLIS]]`, `[[error STATUS]]`, `[[hang]]`, `[[tool NAME]]`, `[[say
 * TEXT]]`; others name the message and do nothing. The answer is the text without directives, after the demo model's
 * opening words.
 */
export const fromMessage = ({ message }: Pick<TurnRequest, "message">): TurnScript => {
  if (!message.includes("[[")) return { text: answerTo(message), delayMillis: 0, tools: [], outcome: "answer" }
  const tools: Array<string> = []
  let said: string | undefined
  let delayMillis = 0
  let outcome: TurnScript["outcome"] = "answer"
  const rest = message.replace(directive, (_, name: string, value: string = "") => {
    const number = Number.parseInt(value, 10)
    switch (name.toLowerCase()) {
      case "delay":
        delayMillis = Number.isFinite(number) ? Math.min(Math.max(number, 0), maxDelayMillis) : 0
        break
      case "error":
        outcome = Number.isFinite(number) ? { status: number } : outcome
        break
      case "hang":
        outcome = "hang"
        break
      case "tool":
        tools.push(value)
        break
      case "say":
        said = value
        break
    }
    return ""
  })
  return { text: said ?? answerTo(rest.replaceAll(/[ \t]+/g, " ").trim()), delayMillis, tools, outcome }
}

const answerTo = (text: string): string => (text === "" ? "Hello from the demo model." : `Demo answer to: ${text}`)

/** Ends of a run, in the gateway's wording. */
export const ends = {
  answer: (text: string, prompt: string): TurnEnd => {
    const inputTokens = Math.ceil(prompt.length / 4)
    const outputTokens = Math.ceil(text.length / 4)
    return {
      status: "ok",
      text,
      usage: { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens },
      stopReason: "stop"
    }
  },
  aborted: (partial: string): TurnEnd => ({ status: "aborted", text: partial, stopReason: "rpc" }),
  timeout: (partial: string): TurnEnd => ({ status: "timeout", text: partial }),
  providerError: (status: number): TurnEnd => ({
    status: "error",
    text: "",
    failure: failureOf(undefined, `the model provider answered HTTP ${status}`)
  }),
  /** A crash happened while the turn waited in its queue. Its key is used up; a new attempt needs a new key. */
  neverBegan: (): TurnEnd => ({
    status: "error",
    text: "",
    failure: {
      code: "RUN_NEVER_BEGAN",
      message: "the gateway restarted while the turn waited in its queue: it never began",
      retryable: true,
      excused: true
    }
  }),
  transcriptGuard: (): TurnEnd => ({
    status: "error",
    text: "",
    failure: {
      code: "UNAVAILABLE",
      message: "this run key is already in the session's transcript",
      retryable: false,
      excused: true
    }
  })
}
