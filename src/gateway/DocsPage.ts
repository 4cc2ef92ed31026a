/**
 * The documentation page at `/docs`: the OpenAPI document as one HTML page without scripts, so that its content
 * security policy can forbid everything except its own style.
 */
import { sha256Base64 } from "../auth/DigestNode.ts"
import { openApiDocument } from "./OpenApiDocument.ts"

// oxlint-disable-next-line typescript/no-explicit-any -- a JSON document, walked by name
type Json = Record<string, any>

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}
const escape = (text: unknown): string => String(text ?? "").replaceAll(/[&<>"']/g, (character) => escapes[character]!)

const style = `
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1.5rem}
h2{margin-top:3rem}code,pre{font:14px/1.4 ui-monospace,monospace}pre{overflow:auto;padding:.75rem;border:1px solid #8886;border-radius:6px}
details{border:1px solid #8886;border-radius:6px;margin:.5rem 0;padding:.5rem .75rem}summary{cursor:pointer}
.method{display:inline-block;min-width:4.5rem;font-weight:700}.path{font-family:ui-monospace,monospace}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.25rem .5rem;border-top:1px solid #8886}`

/** Value of the page's `Content-Security-Policy` header. */
export const contentSecurityPolicy = `default-src 'none'; style-src 'sha256-${sha256Base64(style)}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

const nameOf = (reference: string): string => reference.split("/").at(-1)!

/** Renders a schema in one line; named schemas are links. */
const short = (schema: Json | undefined): string => {
  if (schema === undefined) return ""
  if (schema["$ref"] !== undefined) {
    const name = escape(nameOf(schema["$ref"] as string))
    return `<a href="#schema-${name}">${name}</a>`
  }
  if (schema["enum"] !== undefined)
    return (schema["enum"] as Array<unknown>).map((value) => `<code>${escape(value)}</code>`).join(" | ")
  if (schema["anyOf"] !== undefined) return (schema["anyOf"] as Array<Json>).map(short).join(" | ")
  if (schema["type"] === "array") return `array of ${short(schema["items"] as Json)}`
  const bounds = ["minimum", "maximum", "minLength", "maxLength", "pattern"]
    .filter((key) => schema[key] !== undefined && Math.abs(Number(schema[key])) !== Number.MAX_SAFE_INTEGER)
    .map((key) => `${key} ${escape(schema[key])}`)
  return `${escape(schema["type"] ?? "any")}${bounds.length === 0 ? "" : ` (${bounds.join(", ")})`}`
}

const row = (cells: ReadonlyArray<string>): string => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`

const fields = (schema: Json): string => {
  if (schema["properties"] === undefined) return `<p>${short(schema)}</p>`
  const required = new Set((schema["required"] ?? []) as Array<string>)
  return `<table>${Object.entries(schema["properties"] as Json)
    .map(([name, field]: [string, Json]) =>
      row([
        `<code>${escape(name)}</code>${required.has(name) ? " *" : ""}`,
        field["properties"] === undefined ? short(field) : fields(field),
        escape(field["description"])
      ])
    )
    .join("")}</table>`
}

const parameters = (list: ReadonlyArray<Json>): string =>
  list.length === 0
    ? ""
    : `<table><tr><th>Parameter</th><th>In</th><th>Type</th><th></th></tr>${list
        .map(({ in: place, name, required, schema }) =>
          row([
            `<code>${escape(name)}</code>${required ? " *" : ""}`,
            escape(place),
            short(schema),
            escape(schema.description)
          ])
        )
        .join("")}</table>`

const responses = (answers: Json): string =>
  `<table><tr><th>Status</th><th>Body</th><th></th></tr>${Object.entries(answers)
    .map(([status, answer]: [string, Json]) => {
      const [type, content] = Object.entries((answer["content"] ?? {}) as Json)[0] ?? ["", undefined]
      return row([
        escape(status),
        content === undefined ? "" : `${short(content.schema)} <code>${escape(type)}</code>`,
        escape(answer["description"])
      ])
    })
    .join("")}</table>`

const operation = (path: string, method: string, it: Json): string => {
  const body = Object.values((it["requestBody"]?.content ?? {}) as Json)[0] as Json | undefined
  return `<details id="${escape(it["operationId"])}"><summary><span class="method">${escape(method.toUpperCase())}</span>
<span class="path">${escape(path)}</span> ${escape(it["summary"])}</summary><p>${escape(it["description"])}</p>
${parameters(it["parameters"] as ReadonlyArray<Json>)}${body === undefined ? "" : `<p>Body: ${short(body["schema"])}</p>`}${responses(it["responses"])}</details>`
}

const operations = (document: Json, tag: string): string =>
  Object.entries(document["paths"] as Json)
    .flatMap(([path, methods]) =>
      Object.entries(methods as Json)
        .filter(([, it]) => (it as Json)["tags"].includes(tag))
        .map(([method, it]) => operation(path, method, it as Json))
    )
    .join("\n")

const make = (): string => {
  const document = openApiDocument()
  const { description, title, version } = document["info"] as Json
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)} API</title><style>${style}</style></head><body>
<h1>${escape(title)} API ${escape(version)}</h1>
${String(description)
  .split("\n\n")
  .map((part) => `<p>${escape(part)}</p>`)
  .join("")}
<p>The same as a document for machines: <a href="/openapi.json">/openapi.json</a>. A field marked * is required.</p>
${(document["tags"] as Array<Json>).map(({ description, name }) => `<h2>${escape(name)}</h2><p>${escape(description)}</p>${operations(document, name)}`).join("\n")}
<h2>Schemas</h2>
${Object.entries(document["components"].schemas as Json)
  .map(
    ([name, schema]) =>
      `<details id="schema-${escape(name)}"><summary><code>${escape(name)}</code> ${escape((schema as Json)["description"])}</summary>${fields(schema as Json)}</details>`
  )
  .join("\n")}
</body></html>`
}

let made: string | undefined
export const docsPage = (): string => (made ??= make())
