/**
 * Parsers of stored and sent values, compiled to code at their first use: they take a third to a half of the time of
 * interpreted ones, with the same results and failures. A process that may not generate code interprets the schemas.
 */
import { Schema, SchemaAST } from "effect"
import { SchemaJITCompiler } from "effect/schema"

const compiled = new WeakSet<SchemaAST.AST>()

const compile = (ast: SchemaAST.AST): void => {
  if (compiled.has(ast)) return
  compiled.add(ast)
  SchemaJITCompiler.enable(ast)
}

const json = (schema: Schema.Top) => Schema.toCodecJson(schema) as unknown as Schema.Codec<unknown, unknown>

const encoders = new WeakMap<Schema.Top, (value: unknown) => unknown>()

/** Encodes to JSON. Made once for each schema. */
export const encoder = (schema: Schema.Top): ((value: unknown) => unknown) => {
  let encode = encoders.get(schema)
  if (encode === undefined) {
    const codec = json(schema)
    compile(SchemaAST.flip(codec.ast))
    encode = Schema.encodeUnknownSync(codec)
    encoders.set(schema, encode)
  }
  return encode
}

/** Stored values were checked against the bounds of their time, so today's bounds are not applied when decoding. */
export const decoder = (schema: Schema.Top): ((encoded: unknown) => unknown) => {
  const codec = json(schema)
  compile(codec.ast)
  return Schema.decodeUnknownSync(codec, { disableChecks: true })
}

/** Has values of the schema constructed by compiled code, from its first `make` on. */
export const compileMake = (schema: Schema.Top): void => compile(SchemaAST.toType(schema.ast))
