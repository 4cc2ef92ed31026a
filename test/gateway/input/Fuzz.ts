/** Requests drawn from the OpenAPI document: mostly as documented, often not. The same seed gives the same requests. */
type Json = Record<string, any>

/** Texts that stores and readers stumble over, numbers at the edges of what a number can be, and depths. */
export const odd: ReadonlyArray<unknown> = [
  null,
  "",
  " ",
  "\u0000",
  "ä€😀",
  "../..",
  "%2e%2e",
  "x".repeat(300),
  "a\u0000b",
  "a\ud800b",
  "\udc00",
  "\u202eabc\u200f\u05d0",
  "e\u0301\u{1F469}\u200d\u{1F467}",
  "x".repeat(250_000),
  -1,
  -0,
  0,
  1.5,
  2 ** 53,
  2 ** 63,
  8_640_000_000_000_001,
  -1e308,
  1e308,
  Number.NaN,
  true,
  [],
  [[]],
  {},
  { a: 1 },
  { "\u0000": { "\ud800": ["\u0000"] } },
  JSON.parse(`${"[".repeat(1_000)}${"]".repeat(1_000)}`)
]

/** A wait as long as the document allows would be as right, and take a minute. */
const soon = (value: unknown): unknown => (typeof value === "number" && value > 50 ? value % 50 : value)

export class Draws {
  #state: number
  constructor(seed: number) {
    this.#state = (seed * 2_654_435_761) >>> 0
  }
  next(most: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((this.#state / 2 ** 32) * most)
  }
  once(in_: number): boolean {
    return this.next(in_) === 0
  }
  of<A>(list: ReadonlyArray<A>): A {
    return list[this.next(list.length)]!
  }

  request(document: Json, path: string, operation: Json) {
    const query = new URLSearchParams()
    let url = path
    for (const { in: place, name, required, schema } of operation["parameters"] as Array<Json>) {
      if (place === "header" || (!required && this.once(2))) continue
      const value = valueOf(this, document, schema as Json)
      const whole = typeof value === "string" ? value : (JSON.stringify(name === "wait" ? soon(value) : value) ?? "")
      // A request line has at most 16 KiB, and a URL no half of a surrogate pair.
      const text = whole.slice(0, 1_000).toWellFormed()
      if (place === "path")
        url = url.replace(`{${name}}`, encodeURIComponent(text === "" || text === "." || text === ".." ? "x" : text))
      else query.append(name as string, text)
    }
    if (this.once(20)) query.append("surprise", "1")
    const body = operation["requestBody"]?.content["application/json"].schema as Json | undefined
    const text = body === undefined ? undefined : (JSON.stringify(valueOf(this, document, body)) ?? "")
    return {
      path: query.size === 0 ? url : `${url}?${query.toString()}`,
      ...(text === undefined ? {} : { text: this.once(15) ? text.slice(0, this.next(text.length)) : text }),
      headers: this.once(4) ? { "idempotency-key": `k${this.next(5)}` } : {}
    }
  }
}

export const valueOf = (draws: Draws, document: Json, schema: Json, depth = 0): unknown => {
  if (draws.once(12) || depth > 6) return draws.of(odd)
  if (schema["$ref"] !== undefined)
    return valueOf(draws, document, document["components"].schemas[schema["$ref"].split("/").at(-1)], depth)
  if (schema["enum"] !== undefined) return draws.of(schema["enum"])
  if (schema["anyOf"] !== undefined) return valueOf(draws, document, draws.of(schema["anyOf"]), depth + 1)
  switch (schema["type"]) {
    case "object": {
      const required = new Set((schema["required"] ?? []) as Array<string>)
      const kept = Object.entries((schema["properties"] ?? {}) as Json).filter(
        ([name]) => required.has(name) || draws.once(3)
      )
      return Object.fromEntries(kept.map(([name, field]) => [name, valueOf(draws, document, field as Json, depth + 1)]))
    }
    case "array":
      return Array.from({ length: draws.next(4) }, () => valueOf(draws, document, schema["items"] as Json, depth + 1))
    case "integer":
    case "number": {
      const low = Math.max(schema["minimum"] ?? 0, -10)
      return low + draws.next(Math.min(schema["maximum"] ?? 1_000, 100_000) - low + 1)
    }
    case "boolean":
      return draws.once(2)
    default:
      return draws.of([
        "default",
        "acme",
        "t1",
        "talk",
        "i1",
        "1-0",
        "process",
        "0123456789abcdef",
        `n${draws.next(50)}`
      ])
  }
}
