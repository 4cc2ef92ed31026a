/**
 * Finds the secrets of an encoded value by the markers in its schema (schema/Secret.ts) and replaces each by its
 * envelope, or each envelope by its text. Values without a secret are returned as they are.
 */
import { Schema, SchemaAST } from "effect"
import { isSecretEnvelope, type SecretEnvelope, secretKind } from "../../schema/Secret.ts"

/** A secret's text, or its envelope when it is encrypted. */
export type Found = string | SecretEnvelope

/**
 * Returns what to put in the place of a found secret. `field` is the path of property names that leads to it; all items
 * of an array have the same.
 */
export type Change = (found: Found, field: string) => Found

export interface SecretFields {
  /** Changes a value as its schema encodes it: every secret is in clear, also JSON that looks like an envelope. */
  readonly change: (encoded: unknown, change: Change) => unknown
  /** Changes a value as it was stored: what looks like an envelope is one. */
  readonly changeStored: (stored: unknown, change: Change) => unknown
}

/** Undefined when no value of the schema has a secret. */
export const secretFields = (schema: Schema.Top): SecretFields | undefined => {
  const root = SchemaAST.toEncoded(Schema.toCodecJson(schema).ast)
  const holders = holdersIn(root)
  if (!holders.has(root)) return undefined
  return {
    change: (value, change) => replaced(root, value, "", { change, isStored: false, holders }),
    changeStored: (value, change) => replaced(root, value, "", { change, isStored: true, holders })
  }
}

const known = new WeakMap<object, boolean>()

/** Whether values of the schema have a secret. Remembered for each schema. */
export const hasSecret = (schema: Schema.Top): boolean => {
  const found = known.get(schema) ?? secretFields(schema) !== undefined
  known.set(schema, found)
  return found
}

/** The `_tag`s of the members of a union that have a secret; undefined when one of these has no tag. */
export const secretTags = (schema: Schema.Top): ReadonlyArray<string> | undefined => {
  const root = SchemaAST.toEncoded(Schema.toCodecJson(schema).ast)
  const holders = holdersIn(root)
  const members = (root._tag === "Union" ? root.types : [root]).filter((member) => holders.has(member))
  const tags = members.map(tagOf)
  return tags.every((tag) => tag !== undefined) ? tags : undefined
}

const tagOf = (member: SchemaAST.AST): string | undefined => {
  if (member._tag !== "Objects") return undefined
  const tag = member.propertySignatures.find(({ name }) => name === "_tag")?.type
  return tag?._tag === "Literal" ? String(tag.literal) : undefined
}

const partsOf = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  switch (ast._tag) {
    case "Objects":
      return [...ast.propertySignatures.map(({ type }) => type), ...ast.indexSignatures.map(({ type }) => type)]
    case "Arrays":
      return [...ast.elements, ...ast.rest]
    case "Union":
      return ast.types
    case "Suspend":
      return [ast.thunk()]
    default:
      return []
  }
}

/** All parts of a schema that are a secret or have one below them. A schema may refer to itself. */
const holdersIn = (root: SchemaAST.AST): ReadonlySet<SchemaAST.AST> => {
  const parts = new Map<SchemaAST.AST, ReadonlyArray<SchemaAST.AST>>()
  const open = [root]
  for (let ast = open.pop(); ast !== undefined; ast = open.pop()) {
    if (parts.has(ast)) continue
    parts.set(ast, partsOf(ast))
    open.push(...parts.get(ast)!)
  }
  const holders = new Set([...parts.keys()].filter((ast) => secretKind(ast) !== undefined))
  for (let before = -1; before !== holders.size;) {
    before = holders.size
    for (const [ast, below] of parts) if (below.some((part) => holders.has(part))) holders.add(ast)
  }
  return holders
}

const holding = new WeakMap<SchemaAST.Union, ReadonlyArray<SchemaAST.AST>>()

/** The members of a union that have a secret: mostly few of many, and every event that is stored is looked through. */
const holdingOf = (union: SchemaAST.Union, holders: ReadonlySet<SchemaAST.AST>): ReadonlyArray<SchemaAST.AST> => {
  const members = holding.get(union) ?? union.types.filter((member) => holders.has(member))
  holding.set(union, members)
  return members
}

const fieldTypes = new WeakMap<SchemaAST.Objects, ReadonlyMap<string, SchemaAST.AST>>()

const typesOf = (ast: SchemaAST.Objects): ReadonlyMap<string, SchemaAST.AST> => {
  const known = fieldTypes.get(ast) ?? new Map(ast.propertySignatures.map(({ name, type }) => [String(name), type]))
  fieldTypes.set(ast, known)
  return known
}

interface Walk {
  readonly change: Change
  readonly isStored: boolean
  readonly holders: ReadonlySet<SchemaAST.AST>
}

const replaced = (ast: SchemaAST.AST, value: unknown, field: string, walk: Walk): unknown => {
  if (!walk.holders.has(ast)) return value
  if (secretKind(ast) === "json") return value === null ? value : inJson(value, field, walk)
  switch (ast._tag) {
    case "Objects":
      return isRecord(value) ? inObject(ast, value, field, walk) : value
    case "Arrays":
      return Array.isArray(value)
        ? kept(
            value,
            value.map((item, index) => replaced(itemOf(ast, index), item, field, walk))
          )
        : value
    case "Union":
      return holdingOf(ast, walk.holders)
        .filter((member) => mayBe(member, value))
        .reduce((next, member) => replaced(member, next, field, walk), value)
    case "Suspend":
      return replaced(ast.thunk(), value, field, walk)
    default:
      return typeof value === "string" || isSecretEnvelope(value) ? walk.change(value, field) : value
  }
}

/** Secret JSON in clear is changed as its text. */
const inJson = (value: unknown, field: string, { change, isStored }: Walk): unknown => {
  if (isStored && isSecretEnvelope(value)) {
    const opened = change(value, field)
    return typeof opened === "string" ? JSON.parse(opened) : opened
  }
  const sealed = change(JSON.stringify(value), field)
  return typeof sealed === "string" ? value : sealed
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const inObject = (
  ast: SchemaAST.Objects,
  value: Readonly<Record<string, unknown>>,
  field: string,
  walk: Walk
): unknown => {
  const types = typesOf(ast)
  const other = ast.indexSignatures[0]?.type
  let next = value
  for (const key of Object.keys(value)) {
    const type = types.get(key) ?? other
    if (type === undefined || !walk.holders.has(type)) continue
    const changed = replaced(type, value[key], field === "" ? key : `${field}.${key}`, walk)
    if (changed !== value[key]) next = { ...next, [key]: changed }
  }
  return next
}

const itemOf = ({ elements, rest }: SchemaAST.Arrays, index: number): SchemaAST.AST =>
  elements[index] ?? rest[0] ?? SchemaAST.unknown

const kept = (before: ReadonlyArray<unknown>, after: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
  after.every((item, index) => item === before[index]) ? before : after

/** False when a literal of this member of a union, such as its `_tag`, differs from the value's. */
const mayBe = (member: SchemaAST.AST, value: unknown): boolean =>
  member._tag !== "Objects" ||
  (isRecord(value) &&
    member.propertySignatures.every(
      ({ name, type }) => type._tag !== "Literal" || value[String(name)] === type.literal
    ))
