/**
 * The terminal rule: what the frames of one run mean. Pure.
 *
 * A run is over at the first of: the final response to `agent`, `lifecycle end`, `lifecycle error`, or `chat` `final`,
 * `error`, `aborted`. Later signs are ignored, `lifecycle start` (repeated for each retry) and `finishing` (also with an
 * error) are no signs. However the signs are ordered, repeated or mixed, `Ended` comes out exactly once, last, and with
 * the status of the first sign. An event may outrun the final response, which alone carries the usage: the reducer then
 * waits for the response until `Settle`, which the shell feeds shortly after.
 */
import { Option, Predicate, Schema } from "effect"
import { AgentEvent, type AgentResponse, type AgentWait, ChatEvent, textOf } from "./GatewayFrames.ts"
import type { TurnEnd, TurnFailure, TurnProgress, TurnUsage } from "./GatewayLink.ts"

export interface TurnState {
  readonly runId: string
  /** A final response is expected, which `Ended` waits for until `Settle`. */
  readonly answered: boolean
  readonly text: string
  readonly phase: string
  /** The first terminal sign. */
  readonly end: TurnEnd | undefined
  /** `Ended` is out. */
  readonly done: boolean
}

export type TurnSign =
  | { readonly _tag: "Event"; readonly event: string; readonly payload: unknown }
  | { readonly _tag: "Final"; readonly response: AgentResponse; readonly ok: boolean; readonly message: string }
  | { readonly _tag: "Known"; readonly end: TurnEnd }
  | { readonly _tag: "InFlight"; readonly runId: string; readonly text: string }
  | { readonly _tag: "Settle" }

type Step = readonly [state: TurnState, progress: ReadonlyArray<TurnProgress>]

/** The start of a run that this connection sent (`answered`), or that it only follows. */
export const initialTurn = (runId: string, answered: boolean): TurnState => ({
  runId,
  answered,
  text: "",
  phase: "",
  end: undefined,
  done: false
})

export const stepTurn = (state: TurnState, sign: TurnSign): Step => {
  if (state.done) return [state, []]
  switch (sign._tag) {
    case "Final":
      return finish(state, merge(state.end ?? endOfResponse(sign, state.text), sign.response))
    case "Known":
      return finish(state, state.end ?? sign.end)
    case "Settle":
      return state.end === undefined ? [state, []] : finish(state, state.end)
    case "InFlight":
      return follow(state, sign.runId, sign.text)
    case "Event":
      return state.end === undefined ? stepEvent(state, sign.event, sign.payload) : [state, []]
  }
}

const finish = (state: TurnState, end: TurnEnd): Step => [{ ...state, end, done: true }, [{ _tag: "Ended", end }]]

/** The first terminal sign. With no final response to come, it is the end. */
const conclude = (state: TurnState, end: TurnEnd): Step =>
  state.answered ? [{ ...state, end }, []] : finish(state, end)

const follow = (state: TurnState, runId: string, text: string): Step =>
  text === "" || (runId === state.runId && text.length <= state.text.length)
    ? [{ ...state, runId }, []]
    : [{ ...state, runId, text }, [{ _tag: "TextDelta", delta: text, text }]]

const decodeAgent = Schema.decodeUnknownOption(AgentEvent)
const decodeChat = Schema.decodeUnknownOption(ChatEvent)

const stepEvent = (state: TurnState, event: string, payload: unknown): Step => {
  if (!Predicate.hasProperty(payload, "runId") || payload.runId !== state.runId) return [state, []]
  if (event === "agent") {
    const agent = decodeAgent(payload)
    return Option.isSome(agent) ? stepAgent(state, agent.value) : [state, []]
  }
  if (event !== "chat") return [state, []]
  const chat = decodeChat(payload)
  return Option.isSome(chat) ? stepChat(state, chat.value) : [state, []]
}

const stepAgent = (state: TurnState, event: AgentEvent): Step => {
  const { data } = event
  switch (event.stream) {
    case "lifecycle":
      if (data.phase === "end" || data.phase === "error") return conclude(state, endOfLifecycle(data, state.text))
      return data.phase === "finishing" || data.provider === null ? [state, []] : enter(state, data.phase)
    case "run_status":
      return enter(state, data.phase)
    case "assistant": {
      if (data.text === undefined) return [state, []]
      const progress = { _tag: "TextDelta", delta: data.delta ?? "", text: data.text } as const
      return [{ ...state, text: data.text }, [progress]]
    }
    case "tool":
      return [state, toolProgress(data)]
    case "usage":
      return [state, [{ _tag: "Usage", usage: usageOf(data.inputTokens, data.outputTokens, data.totalTokens) }]]
    default:
      return [state, []]
  }
}

const enter = (state: TurnState, phase: string | undefined): Step =>
  phase === undefined || phase === state.phase ? [state, []] : [{ ...state, phase }, [{ _tag: "Phase", phase }]]

const toolProgress = (data: AgentEvent["data"]): ReadonlyArray<TurnProgress> => {
  const { name, toolCallId } = data
  if (name === undefined || toolCallId === undefined) return []
  if (data.phase === "start") return [{ _tag: "ToolStarted", toolCallId, name }]
  return data.phase === "result" ? [{ _tag: "ToolEnded", toolCallId, name, isError: data.isError ?? false }] : []
}

const stepChat = (state: TurnState, event: ChatEvent): Step => {
  const text = event.message === undefined ? state.text : textOf(event.message.content)
  const stop = event.stopReason === undefined ? {} : { stopReason: event.stopReason }
  switch (event.state) {
    case "final":
      return conclude(state, { status: "ok", text, ...stop })
    case "aborted":
      return conclude(state, { status: "aborted", text, ...stop })
    case "error": {
      if (event.errorKind === "timeout") return conclude(state, timedOut(text, event.errorMessage))
      const failure = failureOf(event.errorDetail?.failoverReason, event.errorMessage)
      return conclude(state, { status: "error", text, failure })
    }
    default:
      return [state, []]
  }
}

const endOfLifecycle = (data: AgentEvent["data"], text: string): TurnEnd => {
  const reply = data.terminalReply?.text ?? text
  const stop = data.stopReason === undefined ? {} : { stopReason: data.stopReason }
  if (data.aborted === true || data.status === "cancelled") return { status: "aborted", text: reply, ...stop }
  if (data.phase === "end") return { status: "ok", text: reply, ...stop }
  if (data.timeoutPhase !== undefined) return { ...timedOut(reply, data.error), ...stop }
  return {
    status: "error",
    text: reply,
    failure: failureOf(data.errorObservation?.failoverReason, data.error),
    ...stop
  }
}

const endOfResponse = (final: Extract<TurnSign, { _tag: "Final" }>, text: string): TurnEnd => {
  const { response } = final
  const answer = (response.result?.payloads ?? []).map((payload) => payload.text ?? "").join("\n")
  const stop = response.stopReason === undefined ? {} : { stopReason: response.stopReason }
  if (final.ok && response.status === "ok") return { status: "ok", text: answer === "" ? text : answer, ...stop }
  if (response.status === "timeout") return { ...endOfTimeout(response.timeoutPhase, answer, text), ...stop }
  const failure = failureOf(undefined, answer === "" ? (response.summary ?? final.message) : answer)
  return { status: "error", text, failure, ...stop }
}

const endOfTimeout = (phase: string | undefined, message: string, text: string): TurnEnd =>
  phase === undefined ? { status: "aborted", text } : timedOut(text, message)

/** The turn's own time limit was reached. */
export const timedOut = (text: string, message: string | undefined): TurnEnd => ({
  status: "timeout",
  text,
  failure: { ...failureOf("timeout", message), code: "RUN_TIMEOUT" }
})

/** What `agent.wait` says of a run that is over; `undefined` while it runs or when this process never knew it. */
export const endOfWait = (wait: AgentWait): TurnEnd | undefined => {
  if (wait.endedAt === undefined) return undefined
  const text = wait.terminalReply?.text ?? ""
  const stop = wait.stopReason === undefined ? {} : { stopReason: wait.stopReason }
  if (wait.status === "ok") return { status: "ok", text, ...stop }
  if (wait.status === "timeout") return { ...endOfTimeout(wait.timeoutPhase, wait.error ?? "", text), ...stop }
  if (wait.status !== "error") return undefined
  return wait.error === undefined
    ? { status: "aborted", text, ...stop }
    : { status: "error", text, failure: failureOf(undefined, wait.error), ...stop }
}

const merge = (end: TurnEnd, response: AgentResponse): TurnEnd => {
  const usage = response.result?.meta?.agentMeta?.usage
  return usage === undefined ? end : { ...end, usage: usageOf(usage.input, usage.output, usage.total) }
}

/** Absent counts are left out. */
export const usageOf = (input?: number, output?: number, total?: number): TurnUsage => ({
  ...(input === undefined ? {} : { inputTokens: input }),
  ...(output === undefined ? {} : { outputTokens: output }),
  ...(total === undefined ? {} : { totalTokens: total })
})

const passing: ReadonlySet<string> = new Set([
  "rate_limit",
  "overloaded",
  "server_error",
  "timeout",
  "empty_response",
  "session_expired"
])

/**
 * Why the provider failed the run. The code is `PROVIDER_` and the gateway's own reason (`format`, `auth`, `billing`,
 * `rate_limit`, `server_error`, …), or `RUN_FAILED` when it gave none. Retryable is what may pass by itself.
 */
export const failureOf = (reason: string | undefined, message: string | undefined): TurnFailure => ({
  code: reason === undefined ? "RUN_FAILED" : `PROVIDER_${reason.toUpperCase()}`,
  message: message === undefined || message === "" ? "The run failed and the gateway did not say why" : message,
  retryable: reason !== undefined && passing.has(reason)
})
