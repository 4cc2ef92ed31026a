/**
 * The destination of telemetry, configured by OpenTelemetry's standard variables ("OpenTelemetry Protocol Exporter" and
 * "General SDK Configuration" of its specification). A signal's own variable overrides the common one.
 *
 * | Variable | Meaning |
 * | --- | --- |
 * | `OTEL_EXPORTER_OTLP_ENDPOINT`, `…_TRACES_ENDPOINT`, `…_METRICS_ENDPOINT`, `…_LOGS_ENDPOINT` | URL of the collector. Over HTTP, `/v1/traces` and so on is appended to the common URL; a signal's own URL is used unchanged |
 * | `OTEL_EXPORTER_OTLP_PROTOCOL`, `…_TRACES_PROTOCOL` | `http/json` (the default here), `http/protobuf` or `grpc` |
 * | `OTEL_EXPORTER_OTLP_HEADERS`, `…_TRACES_HEADERS`, … | `name=value,name=value`, percent-encoded, such as a vendor's API key |
 * | `OTEL_EXPORTER_OTLP_COMPRESSION` | `gzip` or `none` |
 * | `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER`, `OTEL_LOGS_EXPORTER` | `otlp` or `none`. Traces are sent by default when an endpoint is set; metrics and logs only with `otlp` |
 * | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | Name and attributes of the service |
 * | `OTEL_SDK_DISABLED` | `true` disables all export |
 */
import { Config, Effect, Redacted, Schema } from "effect"

export type Signal = "TRACES" | "METRICS" | "LOGS"
export type Protocol = "http/json" | "http/protobuf" | "grpc"

export interface Destination {
  readonly url: string
  readonly protocol: Protocol
  readonly headers: Redacted.Redacted<Readonly<Record<string, string>>>
  readonly compression: "gzip" | "none"
}

/** An empty value counts as not set. */
const Endpoint = Schema.String.check(
  Schema.isPattern(/^\s*$|^https?:\/\/[^\s/]+\S*$/, {
    expected: "an http:// or https:// URL of an OTLP collector, such as http://collector:4318"
  })
)

const Exporter = Schema.Literals(["otlp", "none"])
const Protocols = Schema.Literals(["", "http/json", "http/protobuf", "grpc"])
const Compressions = Schema.Literals(["", "gzip", "none"])

const HeaderList = Schema.String.check(
  Schema.makeFilter((text) => text.trim() === "" || parseHeaders(text) !== undefined, {
    expected: "name=value pairs separated by commas, values percent-encoded"
  })
)

/** Undefined when the text does not have the format of the specification. */
const parseHeaders = (text: string): Record<string, string> | undefined => {
  const headers: Record<string, string> = {}
  for (const pair of text.split(",").filter((part) => part.trim() !== "")) {
    const at = pair.indexOf("=")
    const name = pair.slice(0, at).trim().toLowerCase()
    if (at < 1 || !/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) return undefined
    try {
      headers[name] = decodeURIComponent(pair.slice(at + 1).trim())
    } catch {
      return undefined
    }
  }
  return headers
}

/**
 * The signal's own variable and the common one. An empty value counts as absent, and the own value takes precedence.
 */
const either = <A extends string>(schema: Schema.Codec<A, string>, signal: Signal, name: string) =>
  Config.all({
    own: Config.schema(schema, `OTEL_EXPORTER_OTLP_${signal}_${name}`).pipe(Config.withDefault("")),
    common: Config.schema(schema, `OTEL_EXPORTER_OTLP_${name}`).pipe(Config.withDefault(""))
  })

const settingsOf = (signal: Signal) =>
  Config.all({
    disabled: Config.Boolean("OTEL_SDK_DISABLED").pipe(Config.withDefault(false)),
    exporter: Config.schema(Exporter, `OTEL_${signal}_EXPORTER`).pipe(
      Config.withDefault<"otlp" | "none">(signal === "TRACES" ? "otlp" : "none")
    ),
    endpoint: either(Endpoint, signal, "ENDPOINT"),
    protocol: either(Protocols, signal, "PROTOCOL"),
    headers: either(HeaderList, signal, "HEADERS"),
    compression: either(Compressions, signal, "COMPRESSION")
  })

const withoutEnd = (url: string) => url.trim().replace(/\/+$/, "")

const urlOf = (
  { common, own }: { readonly common: string; readonly own: string },
  signal: Signal,
  protocol: Protocol
): string => {
  if (own.trim() !== "") return own.trim()
  if (common.trim() === "" || protocol === "grpc") return withoutEnd(common)
  return `${withoutEnd(common)}/v1/${signal.toLowerCase()}`
}

/** Undefined when the signal is not exported. Fails on an invalid setting, with its name. */
export const destination = (signal: Signal): Effect.Effect<Destination | undefined, Config.ConfigError> =>
  Effect.gen(function* () {
    const { compression, disabled, endpoint, exporter, headers, protocol: given } = yield* settingsOf(signal)
    const protocol = given.own || given.common || "http/json"
    const url = urlOf(endpoint, signal, protocol)
    if (disabled || exporter === "none" || url === "") return undefined
    return {
      url,
      protocol,
      headers: Redacted.make({ ...parseHeaders(headers.common), ...parseHeaders(headers.own) }),
      compression: compression.own || compression.common || "none"
    }
  })
