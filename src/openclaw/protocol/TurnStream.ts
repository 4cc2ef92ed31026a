/**
 * Interprets the frames of one run and decides when it has ended. Pure.
 *
 * A run ends at the first of: the final response to `agent`, `lifecycle end`, `lifecycle error`, or `chat` `final`,
 * `error`, `aborted`. `lifecycle start` (repeated for each retry) and `finishing` (also with an error) do not end it.
 * Events arrive before the answer is complete: they carry the text streamed so far, or at most its first 4,096
 * characters. A terminal event therefore does not complete the turn: `GatewayRuns` waits a moment for the final
 * response, then reads the gateway's records, and passes their result as `Known`. `Ended` is emitted exactly once,
 * last, and is the same whichever source reported the end.
 */
import { Option, Predicate, Schema } from "effect"
import { bounds, cut, gatewayBounds } from "../../schema/text/Bounds.ts"
import { failureOf } from "./RunFailures.ts"
import { AgentEvent, type AgentResponse, type AgentWait, ChatEvent, textOf } from "./GatewayFrames.ts"
import type { TurnEnd, TurnFailure, TurnProgress, TurnUsage } from "../GatewayLink.ts"

export interface TurnState {
  readonly runId: string
  readonly text: string
  readonly phase: string
  /** The end reported by the first terminal event. */
  readonly end: TurnEnd | undefined
  /** Whether `Ended` was emitted. */
  readonly done: boolean
}

export type TurnSign =
  | { readonly _tag: "Event"; readonly event: string; readonly payload: unknown }
  | { readonly _tag: "Final"; readonly response: AgentResponse; readonly ok: boolean; readonly message: string }
  | { readonly _tag: "Known"; readonly end: TurnEnd }
  | { readonly _tag: "InFlight"; readonly runId: string; readonly text: string }
  /** Neither a response nor the records gave an end: use the terminal event's. */
  | { readonly _tag: "Settle" }

type Step = readonly [state: TurnState, progress: ReadonlyArray<TurnProgress>]

export const initialTurn = (runId: string): TurnState => ({ runId, text: "", phase: "", end: undefined, done: false })

export const stepTurn = (state: TurnState, sign: TurnSign): Step => {
  if (state.done) return [state, []]
  switch (sign._tag) {
    case "Final":
      return finish(state, agreed(state.end, withUsage(endOfResponse(sign, state.text), sign.response)))
    case "Known":
      return finish(state, agreed(state.end, sign.end))
    case "Settle":
      return state.end === undefined ? [state, []] : finish(state, state.end)
    case "InFlight":
      return follow(state, sign.runId, sign.text)
    case "Event":
      return stepEvent(state, sign.event, sign.payload)
  }
}

const finish = (state: TurnState, end: TurnEnd): Step => [{ ...state, end, done: true }, [{ _tag: "Ended", end }]]

/** Keeps the first terminal event; later ones repeat it. */
const conclude = (state: TurnState, end: TurnEnd): Step => [state.end === undefined ? { ...state, end } : state, []]

/**
 * Combines the end from an event with the later end from the response or the records. The later one wins, except where
 * only the event gives the cause.
 */
export const agreed = (event: TurnEnd | undefined, told: TurnEnd): TurnEnd => {
  if (event === undefined) return told
  const isAborted = told.status === "aborted" && event.status !== "ok"
  // When a later message interrupts a run, its response reports a timeout although the event reports an abort.
  const isInterrupted = event.status === "aborted" && told.status === "timeout"
  if (told.failure?.code === interrupted || isAborted || isInterrupted) {
    return { ...event, text: longer(event.text, told.text), ...usageFrom(told, event) }
  }
  if (told.status !== event.status)
    return told.text === "" && told.status === "ok" ? { ...told, text: event.text } : told
  const failure = event.failure !== undefined && event.failure.code !== "RUN_FAILED" ? event.failure : told.failure
  return {
    ...event,
    ...told,
    text: told.text === "" ? event.text : told.text,
    ...(failure === undefined ? {} : { failure }),
    ...usageFrom(told, event)
  }
}

/** Failure code of a run of which the records have only the beginning. */
export const interrupted = "RUN_INTERRUPTED"

const longer = (left: string, right: string): string => (right.length > left.length ? right : left)

const usageFrom = (first: TurnEnd, second: TurnEnd): Pick<TurnEnd, "usage"> => {
  const usage = first.usage ?? second.usage
  return usage === undefined ? {} : { usage }
}

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
      return conclude(state, endOfFailure(text, failureOf(event.errorDetail?.failoverReason, event.errorMessage)))
    }
    default:
      return [state, []]
  }
}

const endOfLifecycle = (data: AgentEvent["data"], text: string): TurnEnd => {
  const reply = text === "" ? (data.terminalReply?.text ?? "") : text
  const stop = data.stopReason === undefined ? {} : { stopReason: data.stopReason }
  if (data.aborted === true || data.status === "cancelled") return { status: "aborted", text: reply, ...stop }
  if (data.phase === "end") return { status: "ok", text: reply, ...stop }
  if (data.timeoutPhase !== undefined) return { ...timedOut(reply, data.error), ...stop }
  return { ...endOfFailure(reply, failureOf(data.errorObservation?.failoverReason, data.error)), ...stop }
}

/** OpenClaw's error for a turn that an abort of its session removed from the queue, unless it reports a timeout. */
const cleared = /^Command lane ".*" cleared$/

/** A turn that was removed from the queue never began: it is aborted, and nobody has failed. */
const endOfFailure = (text: string, failure: TurnFailure): TurnEnd =>
  cleared.test(failure.message) ? { status: "aborted", text } : { status: "error", text, failure }

const endOfResponse = (final: Extract<TurnSign, { _tag: "Final" }>, text: string): TurnEnd => {
  const { response } = final
  const payloads = response.result?.payloads ?? []
  const answer = cut(payloads.map((payload) => payload.text ?? "").join("\n"), gatewayBounds.answer)
  const stop = response.stopReason === undefined ? {} : { stopReason: response.stopReason }
  if (final.ok && response.status === "ok") return { status: "ok", text: answer === "" ? text : answer, ...stop }
  if (response.status === "timeout") return { ...endOfTimeout(response.timeoutPhase, answer, text), ...stop }
  const failure = failureOf(undefined, told(final.message, response.summary, answer))
  return { ...endOfFailure(text, failure), ...stop }
}

/** The first text that is not empty. */
const told = (...words: ReadonlyArray<string | undefined>): string =>
  cut(words.find((said) => said !== undefined && said !== "") ?? "", bounds.errorMessage)

const endOfTimeout = (phase: string | undefined, message: string, text: string): TurnEnd =>
  phase === undefined ? { status: "aborted", text } : timedOut(text, message)

/** The end of a turn that reached its own time limit. */
export const timedOut = (text: string, message: string | undefined): TurnEnd => ({
  status: "timeout",
  text,
  failure: { ...failureOf("timeout", message), code: "RUN_TIMEOUT" }
})

/**
 * The end of a run according to `agent.wait`; `undefined` while it is running or when this gateway process never had
 * it.
 */
export const endOfWait = (wait: AgentWait): TurnEnd | undefined => {
  if (wait.endedAt === undefined) return undefined
  const text = wait.terminalReply?.text ?? ""
  const stop = wait.stopReason === undefined ? {} : { stopReason: wait.stopReason }
  if (wait.status === "ok") return { status: "ok", text, ...stop }
  if (wait.status === "timeout") return { ...endOfTimeout(wait.timeoutPhase, wait.error ?? "", text), ...stop }
  if (wait.status !== "error") return undefined
  return wait.error === undefined
    ? { status: "aborted", text, ...stop }
    : { ...endOfFailure(text, failureOf(undefined, wait.error)), ...stop }
}

const withUsage = (end: TurnEnd, response: AgentResponse): TurnEnd => {
  const usage = response.result?.meta?.agentMeta?.usage
  return usage === undefined ? end : { ...end, usage: usageOf(usage.input, usage.output, usage.total) }
}

/** Absent counts are left out. */
export const usageOf = (input?: number, output?: number, total?: number): TurnUsage => ({
  ...(input === undefined ? {} : { inputTokens: input }),
  ...(output === undefined ? {} : { outputTokens: output }),
  ...(total === undefined ? {} : { totalTokens: total })
})
