/**
 * The compiled codecs of one actor: everything it stores is JSON encoded by its schemas, and the secrets of events and
 * states are encrypted.
 */
import type { Schema } from "effect"
import type { Rpc } from "effect/rpc"
import type { ActorDefinition, Answer } from "../Actor.ts"
import type { EncodedAnswer } from "../Journal.ts"
import { noKeys, type SecretBox } from "../SecretBox.ts"
import { decoder, encoder } from "./CompiledSchema.ts"
import { type Sealing, sealing } from "./Sealing.ts"
import { hasSecret, secretTags } from "./SecretFields.ts"

export interface CommandCodec {
  readonly encodePayload: (payload: unknown) => unknown
  readonly decodePayload: (payload: unknown) => unknown
  readonly encodeAnswer: (answer: Answer<unknown, unknown>) => EncodedAnswer
  readonly decodeAnswer: (answer: EncodedAnswer) => Answer<unknown, unknown>
}

/** `entityId`: the actor whose event or state it is. A secret that cannot be sealed or opened throws `SecretFault`. */
export interface ActorCodec<State, Event> {
  readonly encodeEvent: (event: Event, entityId: string) => unknown
  readonly decodeEvent: (encoded: unknown, entityId: string) => Event
  readonly encodeState: (state: State, entityId: string) => unknown
  readonly decodeState: (encoded: unknown, entityId: string) => State
  readonly command: (tag: string) => CommandCodec | undefined
}

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

interface StoredCodec<A> {
  readonly encode: (value: A, entityId: string) => unknown
  readonly decode: (encoded: unknown, entityId: string) => A
}

const stored = <A>(schema: Schema.Top, seals: Sealing | undefined): StoredCodec<A> => {
  const [encode, decode] = [encoder(schema), decoder(schema) as (encoded: unknown) => A]
  return seals === undefined
    ? { encode: (value) => encode(value), decode: (encoded) => decode(encoded) }
    : {
        encode: (value, entityId) => seals.seal(encode(value), entityId),
        decode: (encoded, entityId) => decode(seals.open(encoded, entityId))
      }
}

type Stored<State, Event extends { readonly _tag: string }> = Pick<
  ActorDefinition<string, any, State, Event, any, any>,
  "entity" | "state" | "event" | "secretTenant"
>

/** How a definition's events and states are sealed. */
export const sealings = (definition: Stored<any, any>, box: SecretBox) => {
  const of = (schema: unknown) => sealing(schema as Schema.Top, definition.entity.type, definition.secretTenant, box)
  return {
    event: of(definition.event),
    state: of(definition.state),
    /** Tags of the events that may have a secret; undefined when any may. */
    eventTags: secretTags(definition.event as unknown as Schema.Top)
  }
}

/** Replies are recorded with their commit and are not encrypted. */
const refuseSecretReplies = (requests: ReadonlyMap<string, unknown>): void => {
  for (const [tag, rpc] of requests) {
    const { errorSchema, successSchema } = rpc as Rpc.AnyWithProps
    if (hasSecret(successSchema) || hasSecret(errorSchema)) {
      throw new Error(`the reply of the command ${tag} has a secret, and replies are stored: leave it out of the reply`)
    }
  }
}

/** Throws when a reply of the actor has a secret. Without `box` secrets that are stored in clear can be read. */
export const make = <State, Event extends { readonly _tag: string }>(
  definition: Stored<State, Event>,
  box: SecretBox = noKeys
): ActorCodec<State, Event> => {
  refuseSecretReplies(definition.entity.protocol.requests)
  const seals = sealings(definition, box)
  const event = stored<Event>(definition.event as unknown as Schema.Top, seals.event)
  const state = stored<State>(definition.state as unknown as Schema.Top, seals.state)
  return {
    encodeEvent: event.encode,
    decodeEvent: event.decode,
    encodeState: state.encode,
    decodeState: state.decode,
    command: commands(definition.entity.protocol.requests)
  }
}

/** Makes the codec of each definition once. */
export const perDefinition = (box: SecretBox) => {
  const known = new WeakMap<object, ActorCodec<unknown, { readonly _tag: string }>>()
  return (definition: Stored<any, any>): ActorCodec<unknown, { readonly _tag: string }> => {
    const codec = known.get(definition) ?? make<unknown, { readonly _tag: string }>(definition, box)
    known.set(definition, codec)
    return codec
  }
}
