/**
 * Converts schema issues to the fields at fault. The received value is never repeated, because it may be a megabyte
 * long or a secret.
 */
import { SchemaIssue } from "effect"
import { type FieldFault, InvalidInput } from "../Errors.ts"

const faultsMost = 20

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    switch (issue._tag) {
      case "MissingKey":
        return "a value: the field is missing"
      case "UnexpectedKey":
        return "no such field"
      default:
        return SchemaIssue.defaultLeafHook(issue)
    }
  }
})

const pathOf = (path: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }>): string =>
  path
    .map((part) => (typeof part === "object" ? part.key : part))
    .reduce<string>((text, key) => {
      if (typeof key === "number" || /^\d+$/.test(String(key))) return `${text}[${String(key)}]`
      return text === "" ? String(key) : `${text}.${String(key)}`
    }, "")
    .slice(0, 200)

export const faultsOf = (issue: SchemaIssue.Issue): ReadonlyArray<FieldFault> => {
  const faults = format(issue).issues.map(({ message, path }) => ({
    path: pathOf(path ?? []),
    expected: message.replace(/^Expected /, "").slice(0, 300)
  }))
  const seen = new Map(faults.map((fault) => [`${fault.path}\n${fault.expected}`, fault]))
  return [...seen.values()].slice(0, faultsMost)
}

const places: Readonly<Record<string, string>> = {
  Params: "path",
  Headers: "headers",
  Query: "query",
  Payload: "body"
}

/** `kind` is the part of the request that was invalid. */
export const invalidInput = (kind: string, { issue }: { readonly issue: SchemaIssue.Issue }): InvalidInput => {
  const faults = faultsOf(issue)
  const place = places[kind] ?? "request"
  const named = faults
    .map(({ path }) => path)
    .filter((path) => path !== "")
    .slice(0, 3)
  return new InvalidInput({
    message: `the ${place} is not as documented${named.length === 0 ? "" : `: see ${named.join(", ")}`}`,
    faults
  })
}
