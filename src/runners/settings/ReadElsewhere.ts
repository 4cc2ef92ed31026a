/** The settings that retention, logs, traces and the command line read where they use them. */
import { Config, Schema } from "effect"
import { cluster, everywhere, runners } from "./Readers.ts"
import { make, type Setting } from "./Setting.ts"

const retention = (name: string, fallback: string, meaning: string) =>
  make(name, "a duration such as 7 days", fallback, Config.Duration(name), { meaning, readBy: runners })

const named = (name: string, type: string, fallback: string | undefined, meaning: string, isSecret = false) =>
  make(name, type, fallback, Config.String(name), { meaning, readBy: ["up", ...cluster], isSecret })

export const elsewhere: ReadonlyArray<Setting<unknown>> = [
  retention(
    "CLAWSTER_RETENTION_HISTORY",
    "7 days",
    "Journal entries behind a snapshot, closed sessions, unused lanes of the default configuration, deregistered instances and revoked keys are kept so long"
  ),
  retention(
    "CLAWSTER_RETENTION_TASKS",
    "7 days",
    "Ended tasks and turns, with their results; dead letters are kept until they are replayed"
  ),
  retention("CLAWSTER_RETENTION_MESSAGES", "7 days", "Answered messages of plain entities"),
  retention("CLAWSTER_RETENTION_IDEMPOTENCY", "7 days", "For so long an `Idempotency-Key` stands for its request"),
  retention("CLAWSTER_RETENTION_EVERY", "1 minute", "How often a runner removes what has been kept long enough"),
  make(
    "CLAWSTER_LOG",
    "json or pretty",
    "json, on a terminal pretty",
    Config.Literals(["json", "pretty"], "CLAWSTER_LOG"),
    {
      meaning: "`json` or `pretty`",
      readBy: everywhere
    }
  ),
  make(
    "CLAWSTER_LOG_LEVEL",
    "one of All, Trace, Debug, Info, Warn, Error, Fatal, None",
    "Info",
    Config.Literals(["All", "Trace", "Debug", "Info", "Warn", "Error", "Fatal", "None"], "CLAWSTER_LOG_LEVEL"),
    { meaning: "`Debug`, `Info`, `Warn`, `Error`", readBy: everywhere }
  ),
  make(
    "CLAWSTER_TRACE_RATIO",
    "a number, 0 to 1",
    "0.05",
    Config.schema(Schema.FiniteFromString.check(Schema.isBetween({ minimum: 0, maximum: 1 })), "CLAWSTER_TRACE_RATIO"),
    { meaning: "The share of traces that is sampled; a failed span goes in any case", readBy: cluster }
  ),
  named("OTEL_EXPORTER_OTLP_ENDPOINT", "a URL", undefined, "Where traces, metrics and logs go"),
  named(
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "http/json, http/protobuf or grpc",
    "http/json",
    "`http/json`, `http/protobuf` or `grpc` (traces only). This, headers, compression and the endpoint also for one signal: `OTEL_EXPORTER_OTLP_TRACES_…`, `…_METRICS_…`, `…_LOGS_…`"
  ),
  named("OTEL_EXPORTER_OTLP_HEADERS", "name=value,…", undefined, "A vendor's headers, `name=value,…`", true),
  named("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip or none", "none", "`gzip` or `none`"),
  named("OTEL_TRACES_EXPORTER", "otlp or none", "otlp", "Whether traces are sent"),
  named("OTEL_METRICS_EXPORTER", "otlp or none", "none", "Whether metrics are sent"),
  named("OTEL_LOGS_EXPORTER", "otlp or none", "none", "Whether logs are sent"),
  named("OTEL_SERVICE_NAME", "text", "`runner` or `gateway`", "Name of the service"),
  named("OTEL_RESOURCE_ATTRIBUTES", "name=value,…", undefined, "Attributes of the service"),
  named("OTEL_SDK_DISABLED", "true or false", "false", "Nothing is sent"),
  make(
    "CLAWSTER_URL",
    "an http:// or https:// URL",
    "what `up` wrote, else http://127.0.0.1:7373",
    Config.String("CLAWSTER_URL"),
    {
      meaning: "The gateway that the command line talks to, as `--url`",
      readBy: ["cli"]
    }
  ),
  make("CLAWSTER_API_KEY", "an API key", "what `up` wrote", Config.Redacted("CLAWSTER_API_KEY"), {
    meaning: "Its key, as `--api-key`",
    readBy: ["cli"],
    isSecret: true
  })
]
