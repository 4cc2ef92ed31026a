/**
 * Commands to actors, many in one message. The cluster's own delivery sends each by itself, and sets up and takes down
 * a call for it twice on the runner; a command that goes to an actor in memory needs none of that. JSON in one text,
 * since that is what costs least to write and to read.
 */
import { Exit, Schema } from "effect"
import { Runners } from "effect/cluster"
import { Rpc } from "effect/rpc"
import type { CommandCodec } from "../../../actor/state/Codec.ts"
import type { EncodedAnswer } from "../../../actor/Journal.ts"
import { fitting } from "../../../actor/state/Weight.ts"

/**
 * `calls`: JSON of `ReadonlyArray<WireCall>`, at most `aMessage`. Answered bit by bit by JSON of
 * `ReadonlyArray<WireAnswer>`, each call once.
 */
export const Calls = Rpc.make("Calls", { payload: { calls: Schema.String }, success: Schema.String, stream: true })

/**
 * One of them alone, in two messages instead of four. `call`: JSON of a `WireCall`; answered by JSON of a `WireAnswer`.
 */
export const Call = Rpc.make("Call", { payload: { call: Schema.String }, success: Schema.String })

/** What a runner hears from other processes. */
export const RunnerRpcs = Runners.Rpcs.add(Calls, Call)

/** In characters. A frame between runners has at most 16 MiB; a single call, or answer, may be longer than this. */
export const aMessage = { count: 512, weight: 2 * 1024 * 1024 }

/** Told in as many messages as are needed to keep each short. */
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

/** The JSON of an array, of the JSON of its parts. */
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

/** `elsewhere`: the actor has not seen the call. `defect`: its own code threw, and this is what it said. */
export type WireAnswer =
  | readonly [n: number, kind: "answer", answer: EncodedAnswer]
  | readonly [n: number, kind: "defect", message: string]
  | readonly [n: number, kind: "elsewhere"]

/** For the wire. */
export const encodeExit = (n: number, exit: Exit.Exit<unknown, unknown>, codec: CommandCodec): WireAnswer => {
  if (Exit.isSuccess(exit)) return [n, "answer", codec.encodeAnswer({ _tag: "Success", value: exit.value })]
  const [reason] = exit.cause.reasons
  if (reason?._tag === "Fail") return [n, "answer", codec.encodeAnswer({ _tag: "Failure", error: reason.error })]
  return [n, "defect", String(reason?._tag === "Die" ? reason.defect : exit.cause)]
}
