/**
 * Commands to actors, many in one message. The cluster's own delivery sends each command by itself, and sets up and
 * tears down a call for it twice on the runner; a command to a resident actor needs none of that. The calls are JSON in
 * one text, which is the cheapest form to write and to read.
 */
import { Exit, Schema } from "effect"
import { Runners } from "effect/cluster"
import { Rpc } from "effect/rpc"
import type { CommandCodec } from "../../../actor/state/Codec.ts"
import type { EncodedAnswer } from "../../../actor/Journal.ts"
import { fitting } from "../../../actor/state/Weight.ts"

/**
 * `calls`: JSON of `ReadonlyArray<WireCall>`, at most `aMessage`. The answers are streamed as JSON of
 * `ReadonlyArray<WireAnswer>`, one answer for each call.
 */
export const Calls = Rpc.make("Calls", { payload: { calls: Schema.String }, success: Schema.String, stream: true })

/**
 * A single call, in two messages instead of four. `call`: JSON of a `WireCall`; the answer is JSON of a `WireAnswer`.
 */
export const Call = Rpc.make("Call", { payload: { call: Schema.String }, success: Schema.String })

/** The RPCs that a runner serves to other processes. */
export const RunnerRpcs = Runners.Rpcs.add(Calls, Call)

/**
 * Maximum parts and characters of one message. A frame between runners has at most 16 MiB; a single call or answer may
 * be longer than this limit.
 */
export const aMessage = { count: 512, weight: 2 * 1024 * 1024 }

/** Splits the parts into as many messages as the limits require. */
export const messagesOf = <A>(
  parts: ReadonlyArray<A>,
  textOf: (part: A) => string
): ReadonlyArray<ReadonlyArray<A>> => {
  const messages: Array<ReadonlyArray<A>> = []
  for (let from = 0; from < parts.length; from += messages.at(-1)!.length) {
    messages.push(parts.slice(from, from + fitting(parts, (part) => textOf(part).length, aMessage, from)))
  }
  return messages
}

/** Joins the JSON of the parts into the JSON of an array. */
export const arrayOf = (texts: ReadonlyArray<string>): string => `[${texts.join(",")}]`

export type WireCall = readonly [
  n: number,
  entityType: string,
  entityId: string,
  tag: string,
  requestId: string,
  fingerprint: string | null,
  payload: unknown
]

/**
 * `elsewhere`: the actor has not received the call. `defect`: the actor's own code threw, and `message` is what it
 * threw.
 */
export type WireAnswer =
  | readonly [n: number, kind: "answer", answer: EncodedAnswer]
  | readonly [n: number, kind: "defect", message: string]
  | readonly [n: number, kind: "elsewhere"]

export const encodeExit = (n: number, exit: Exit.Exit<unknown, unknown>, codec: CommandCodec): WireAnswer => {
  if (Exit.isSuccess(exit)) return [n, "answer", codec.encodeAnswer({ _tag: "Success", value: exit.value })]
  const [reason] = exit.cause.reasons
  if (reason?._tag === "Fail") return [n, "answer", codec.encodeAnswer({ _tag: "Failure", error: reason.error })]
  return [n, "defect", String(reason?._tag === "Die" ? reason.defect : exit.cause)]
}
