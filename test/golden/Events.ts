/** Events as a version stores them, and whether a schema still reads them. */
import { Record, Schema, SchemaAST } from "effect"
import { catalog } from "../../src/rpc/Catalog.ts"

export interface StoredEvent {
  readonly _tag: string
}

/** By entity type. */
export const eventSchemas: Readonly<Record<string, Schema.Top>> = Record.map(catalog, ({ events }) => events)

const encodedAst = (schema: Schema.Top) => SchemaAST.toEncoded(Schema.toCodecJson(schema).ast)

const membersOf = (schema: Schema.Top): ReadonlyArray<SchemaAST.AST> => {
  const ast = encodedAst(schema)
  return ast._tag === "Union" ? ast.types : [ast]
}

/**
 * A JSON value that the schema's encoded side allows, checks left aside, as they are when events are read. `full`: with
 * every optional field and one item in each list; otherwise with none.
 */
const sample = (ast: SchemaAST.AST, full: boolean, depth = 0): unknown => {
  switch (ast._tag) {
    case "Literal":
      return ast.literal
    case "String":
      return "text"
    case "Number":
      return 1
    case "Boolean":
      return true
    case "Objects":
      return Object.fromEntries(
        ast.propertySignatures.flatMap(({ name, type }) =>
          full || !SchemaAST.isOptional(type) ? [[String(name), sample(type, full, depth + 1)]] : []
        )
      )
    case "Arrays":
      return [...ast.elements, ...(full ? ast.rest.slice(0, 1) : [])].map((item) => sample(item, full, depth + 1))
    case "Union":
      return sample(ast.types.at(full ? -1 : 0)!, full, depth + 1)
    case "Suspend":
      return sample(ast.thunk(), full, depth + 1)
    default:
      return null
  }
}

/** Each kind of event in its smallest and its fullest form. */
export const samplesOf = (schema: Schema.Top): ReadonlyArray<StoredEvent> =>
  membersOf(schema).flatMap((member) => [false, true].map((full) => sample(member, full) as StoredEvent))

export const kindsOf = (schema: Schema.Top): ReadonlyArray<string> => [
  ...new Set(samplesOf(schema).map(({ _tag }) => _tag))
]

/** Of these stored events those that the schema does not read, each with the reason. */
export const unreadable = (schema: Schema.Top, stored: ReadonlyArray<StoredEvent>): ReadonlyArray<string> => {
  const codec = Schema.toCodecJson(schema) as unknown as Schema.Codec<unknown, unknown>
  const decode = Schema.decodeUnknownSync(codec, { disableChecks: true })
  return stored.flatMap((event) => {
    try {
      decode(event)
      return []
    } catch (error) {
      return [`${event._tag}: ${String(error).slice(0, 200)}`]
    }
  })
}
