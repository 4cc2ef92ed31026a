/** The compiled codecs of one actor: everything it stores is JSON encoded by its schemas. */
import { Schema } from "effect"
import type { Rpc } from "effect/rpc"
import type { ActorDefinition, Answer } from "../Actor.ts"
import type { EncodedAnswer } from "../Journal.ts"

export interface CommandCodec {
  readonly encodePayload: (payload: unknown) => unknown
  readonly decodePayload: (payload: unknown) => unknown
  readonly encodeAnswer: (answer: Answer<unknown, unknown>) => EncodedAnswer
  readonly decodeAnswer: (answer: EncodedAnswer) => Answer<unknown, unknown>
}

export interface ActorCodec<State, Event> {
  readonly encodeEvent: (event: Event) => unknown
  readonly decodeEvent: (encoded: unknown) => Event
  readonly encodeState: (state: State) => unknown
  readonly decodeState: (encoded: unknown) => State
  readonly command: (tag: string) => CommandCodec | undefined
}

const json = (schema: Schema.Top) => Schema.toCodecJson(schema) as unknown as Schema.Codec<unknown, unknown>
const encoder = (schema: Schema.Top) => Schema.encodeUnknownSync(json(schema))
/** Stored values were checked against the bounds of their time, so today's bounds are not applied when decoding. */
const decoder = (schema: Schema.Top) => Schema.decodeUnknownSync(json(schema), { disableChecks: true })

const commandCodec = (rpc: Rpc.AnyWithProps): CommandCodec => {
  const [encodePayload, decodePayload] = [encoder(rpc.payloadSchema), decoder(rpc.payloadSchema)]
  const [encodeValue, decodeValue] = [encoder(rpc.successSchema), decoder(rpc.successSchema)]
  const [encodeError, decodeError] = [encoder(rpc.errorSchema), decoder(rpc.errorSchema)]
  return {
    encodePayload,
    decodePayload,
    encodeAnswer: (answer) =>
      answer._tag === "Success"
        ? { _tag: "Success", value: encodeValue(answer.value) ?? null }
        : { _tag: "Failure", error: encodeError(answer.error) },
    decodeAnswer: (answer) =>
      answer._tag === "Success"
        ? { _tag: "Success", value: decodeValue(answer.value ?? null) }
        : { _tag: "Failure", error: decodeError(answer.error) }
  }
}

/** Codecs for all commands of a protocol. */
export const commands = (requests: ReadonlyMap<string, unknown>): ((tag: string) => CommandCodec | undefined) => {
  const codecs = new Map<string, CommandCodec>()
  for (const [tag, rpc] of requests) codecs.set(tag, commandCodec(rpc as Rpc.AnyWithProps))
  return (tag) => codecs.get(tag)
}

export const make = <State, Event extends { readonly _tag: string }>(
  definition: Pick<ActorDefinition<string, any, State, Event, any, any>, "entity" | "state" | "event">
): ActorCodec<State, Event> => {
  return {
    encodeEvent: encoder(definition.event) as (event: Event) => unknown,
    decodeEvent: decoder(definition.event) as (encoded: unknown) => Event,
    encodeState: encoder(definition.state) as (state: State) => unknown,
    decodeState: decoder(definition.state) as (encoded: unknown) => State,
    command: commands(definition.entity.protocol.requests)
  }
}
