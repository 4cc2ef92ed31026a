/**
 * Codecs with bounds for the fields of gateway payloads. Every text, list and number of a peer is decoded here. A text
 * that is too long is truncated, and the truncation is marked. A field of an unexpected type decodes as absent, so that
 * one malformed field does not lose the rest of the frame.
 */
import { Effect, Option, Schema, SchemaGetter } from "effect"
import { cut, gatewayBounds } from "../../schema/text/Bounds.ts"

export const field = <A>(to: Schema.Codec<A>, read: (said: unknown) => A | undefined) =>
  Schema.optional(
    Schema.Unknown.pipe(
      Schema.decodeTo(Schema.UndefinedOr(to), {
        decode: SchemaGetter.transform(read),
        encode: SchemaGetter.transform((ours: A | undefined): unknown => ours)
      })
    )
  )

/** A text of at most `most` characters. */
export const text = (most: number) =>
  field(Schema.String, (said) => (typeof said === "string" ? cut(said, most) : undefined))

/** A required text of at most `most` characters. Decoding fails when the field is absent or not a string. */
export const neededText = (most: number) =>
  Schema.String.pipe(
    Schema.decodeTo(Schema.String, {
      decode: SchemaGetter.transform((said: string) => cut(said, most)),
      encode: SchemaGetter.transform((ours: string) => ours)
    })
  )

export const flag = field(Schema.Boolean, (said) => (typeof said === "boolean" ? said : undefined))

/**
 * A whole number from 0 to `gatewayBounds.count`; other numbers are rounded and clamped. JSON has no NaN, but `1e999`
 * is parsed as infinity.
 */
export const count = field(Schema.Int, (said) => toCount(said))

export const toCount = (said: unknown): number | undefined =>
  typeof said !== "number" || Number.isNaN(said)
    ? undefined
    : Math.min(gatewayBounds.count, Math.max(0, Math.round(Math.min(said, gatewayBounds.count))))

/** A number clamped to 0 to 1. */
export const share = field(Schema.Finite, (said) =>
  typeof said === "number" && !Number.isNaN(said) ? Math.min(1, Math.max(0, said)) : undefined
)

/** Milliseconds to wait, clamped to 0 to one hour. Code that uses the delay applies its own minimum. */
export const delay = field(Schema.Finite, (said) => toDelay(said))

export const toDelay = (said: unknown): number | undefined =>
  typeof said !== "number" || Number.isNaN(said) ? undefined : Math.min(gatewayBounds.delayMillis, Math.max(0, said))

/**
 * The first `most` elements that decode; other elements are skipped. Empty when the value is absent or not an array.
 */
export const list = <S extends Schema.ConstraintDecoder<unknown>>(element: S, most: number) => {
  const decode = Schema.decodeUnknownOption(element)
  return Schema.Unknown.pipe(
    Schema.decodeTo(Schema.Array(Schema.toType(element)), {
      decode: SchemaGetter.transform((said: unknown) => {
        const kept: Array<S["Type"]> = []
        if (!Array.isArray(said)) return kept
        for (const one of said) {
          const read = decode(one)
          if (Option.isSome(read)) kept.push(read.value)
          if (kept.length >= most) break
        }
        return kept
      }),
      encode: SchemaGetter.transform((ours: ReadonlyArray<S["Type"]>): unknown => ours)
    }),
    Schema.withDecodingDefault(Effect.succeed([]))
  )
}

/** A nested structure, which decodes as absent when its shape is unexpected. */
export const part = <S extends Schema.ConstraintDecoder<unknown>>(inner: S) => {
  const decode = Schema.decodeUnknownOption(inner)
  return field(Schema.toType(inner) as unknown as Schema.Codec<S["Type"]>, (said) =>
    Option.getOrUndefined(decode(said))
  )
}
