/**
 * Computes the demo model's answer as a pure function of the conversation. The last real user message decides; blocks
 * that OpenClaw adds by itself are skipped. A message may carry directives in double brackets:
 *
 * - `[[delay MS]]` streams the answer over that many milliseconds
 * - `[[error STATUS]]` refuses with that HTTP status
 * - `[[hang]]` streams one word and never ends
 * - `[[tool NAME]]` calls that tool once, then answers
 * - `[[say TEXT]]` answers exactly that text
 * - `[[id X]]` names the message in the statistics
 */
import { Option, Schema } from "effect"

const ContentPart = Schema.Struct({ type: Schema.String, text: Schema.optional(Schema.String) })

const ChatMessage = Schema.Struct({
  role: Schema.String,
  content: Schema.optional(Schema.NullOr(Schema.Union([Schema.String, Schema.Array(ContentPart)])))
})
export type ChatMessage = typeof ChatMessage.Type

/** The part of an OpenAI chat completion request that matters here. */
export const ChatRequest = Schema.Struct({
  model: Schema.optional(Schema.String),
  messages: Schema.Array(ChatMessage)
})
export type ChatRequest = typeof ChatRequest.Type

export type DemoReply =
  | { readonly _tag: "Refuse"; readonly status: number }
  | { readonly _tag: "Hang" }
  | { readonly _tag: "CallTool"; readonly name: string; readonly args: Record<string, string> }
  | { readonly _tag: "Say"; readonly chunks: ReadonlyArray<string>; readonly overMillis: number }

export interface Reading {
  /** The user's own text, without directives. */
  readonly text: string
  /** The `[[id X]]` of the message, when it has one. */
  readonly id: string | undefined
  /** Whether the gateway is resuming the turn after its own restart. */
  readonly resumed: boolean
  /** Whether this is the first request for the message: neither a tool result nor a resumption. */
  readonly fresh: boolean
  readonly reply: DemoReply
}

const maxDelayMillis = 600_000
const internalContext = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>"
const restartNotice = "[System] Your previous turn was interrupted"
const directive = /\[\[\s*([a-z]+)(?:\s+([^\]]*?))?\s*\]\]/gi

const toolArguments: Record<string, Record<string, string>> = {
  read: { path: "notes.txt" },
  write: { path: "notes.txt", content: "written by the demo model\n" },
  ls: { path: "." },
  exec: { command: "echo demo" }
}

/** Reads a conversation and decides the answer. The same conversation always gives the same answer. */
export const readConversation = (request: ChatRequest): Reading => {
  const messages = request.messages.map((message) => ({ role: message.role, text: textOf(message) }))
  const users = messages.filter(({ role, text }) => role === "user" && !text.includes(internalContext))
  const asked = users.findLast(({ text }) => userText(text) !== "")
  const raw = asked === undefined ? "" : userText(asked.text)
  const after = asked === undefined ? [] : messages.slice(messages.indexOf(asked) + 1)
  const resumed = users.at(-1)?.text.includes(restartNotice) ?? false
  const toolDone = after.some(({ role }) => role === "tool")
  const directives = directivesOf(raw)
  const text = raw
    .replaceAll(directive, "")
    .replaceAll(/[ \t]+/g, " ")
    .trim()
  return {
    text,
    id: directives.get("id"),
    resumed,
    fresh: !resumed && !toolDone,
    reply: replyTo(text, directives, toolDone)
  }
}

/** The user's text without OpenClaw's additions: time, queue note, restart notice, runtime line. */
const userText = (text: string): string =>
  (text.split(restartNotice)[0] ?? "")
    .replace(/^\s*\[\w{3} \d{4}-\d{2}-\d{2} \d{2}:\d{2}[^\]]*\]\s*/, "")
    .replace(/^\[Queued user message [^\]]*\]\s*/, "")
    .replace(/\n\nRuntime: agent=[^\n]*\s*$/, "")
    .trim()

const replyTo = (text: string, directives: ReadonlyMap<string, string>, toolDone: boolean): DemoReply => {
  const status = numberOf(directives.get("error"), 100, 599)
  if (Option.isSome(status)) return { _tag: "Refuse", status: status.value }
  if (directives.has("hang")) return { _tag: "Hang" }
  const tool = directives.get("tool")
  if (tool !== undefined && !toolDone) return { _tag: "CallTool", name: tool, args: toolArguments[tool] ?? {} }
  const answer = directives.get("say") ?? (text === "" ? "Hello from the demo model." : `Demo answer to: ${text}`)
  return {
    _tag: "Say",
    chunks: chunksOf(answer),
    overMillis: Option.getOrElse(numberOf(directives.get("delay"), 0, maxDelayMillis), () => 0)
  }
}

const textOf = (message: ChatMessage): string =>
  typeof message.content === "string"
    ? message.content
    : (message.content ?? []).map((part) => part.text ?? "").join("\n")

const directivesOf = (text: string): ReadonlyMap<string, string> =>
  new Map(Array.from(text.matchAll(directive), (match) => [match[1]!.toLowerCase(), match[2] ?? ""]))

const numberOf = (text: string | undefined, min: number, max: number): Option.Option<number> => {
  const value = text === undefined || text.trim() === "" ? Number.NaN : Number(text)
  return Number.isFinite(value) ? Option.some(Math.min(max, Math.max(min, Math.trunc(value)))) : Option.none()
}

/** At most eight pieces, split at word boundaries; joined they equal the text. */
const chunksOf = (text: string): ReadonlyArray<string> => {
  const words = text.match(/\s*\S+\s*$|\s*\S+/g) ?? [text]
  const size = Math.ceil(words.length / 8)
  return Array.from({ length: Math.ceil(words.length / size) }, (_, at) =>
    words.slice(at * size, (at + 1) * size).join("")
  )
}
