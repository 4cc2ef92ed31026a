/**
 * Log lines: JSON with only the fields of `Names.logFields`, or a short form for a terminal. Annotations in snake or
 * camel case fill the fields. Any other annotation, and the cause, are appended to the message, so that no information
 * is lost and no parser breaks.
 */
import { Cause, Config, Context, Layer, Logger, type LogLevel, Option, References, Schema, Tracer } from "effect"
import { type LogField, logFields } from "./metrics/Names.ts"
import * as Traceparent from "./Traceparent.ts"

type Fields = Partial<Record<LogField, string | number>>

const snake = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
const isField = (key: string): key is LogField => (logFields as ReadonlyArray<string>).includes(key)
/** Fields that an annotation cannot set. */
const own: ReadonlySet<LogField> = new Set(["timestamp", "level", "service_instance_id", "message"])

const text = (value: unknown): string => {
  if (typeof value === "string") return value
  if (value instanceof Error) return value.message
  if (Cause.isCause(value)) return Cause.pretty(value)
  if (typeof value !== "object" || value === null) return String(value)
  try {
    return JSON.stringify(value)
  } catch {
    return String(value)
  }
}

const scalar = (value: unknown): string | number => (typeof value === "number" ? value : text(value))

/** The process that writes the line. */
interface Source {
  readonly service: string
  readonly instance?: string | undefined
}

/** The fields of one line, and the information that has no field. */
const fieldsOf = (
  { instance, service }: Source,
  { cause, date, fiber, logLevel, message }: Logger.Options<unknown>
): { readonly fields: Fields; readonly rest: ReadonlyArray<string> } => {
  const fields: Fields = { service, event: "log", ...(instance === undefined ? {} : { service_instance_id: instance }) }
  const rest: Array<string> = []
  for (const [key, value] of Object.entries(fiber.getRef(References.CurrentLogAnnotations))) {
    const field = snake(key)
    if (isField(field) && !own.has(field)) fields[field] = scalar(value)
    else rest.push(`${key}=${text(value)}`)
  }
  const traceparent = Traceparent.ofSpan(Option.getOrUndefined(Context.getOption(fiber.context, Tracer.ParentSpan)))
  if (fields.correlation_id === undefined && traceparent !== undefined) {
    fields.correlation_id = Traceparent.correlationId(traceparent)!
  }
  const parts = (Array.isArray(message) ? message : [message]).map(text)
  fields.timestamp = date.toISOString()
  fields.level = logLevel.toUpperCase()
  fields.message = parts.join(" ")
  if (cause.reasons.length > 0) rest.push(Cause.pretty(cause))
  return { fields, rest }
}

const inOrder = (fields: Fields): Fields =>
  Object.fromEntries(logFields.flatMap((field) => (fields[field] === undefined ? [] : [[field, fields[field]]])))

/** Always exactly one line, whatever the values contain. */
export const json = (service: string, instance?: string): Logger.Logger<unknown, string> =>
  Logger.make((options) => {
    const { fields, rest } = fieldsOf({ service, instance }, options)
    return JSON.stringify(inOrder({ ...fields, message: [fields.message, ...rest].join(" | ") }))
  })

/** `12:00:01.234 WARN  runner: what happened (task_id=t1)`, with the cause on the lines below. */
export const pretty = (service: string): Logger.Logger<unknown, string> =>
  Logger.make((options) => {
    const { fields, rest } = fieldsOf({ service }, options)
    const { correlation_id: _, event: __, level, message, service: ___, timestamp, ...ids } = fields
    const more = [
      ...Object.entries(ids).map(([key, value]) => `${key}=${value}`),
      ...rest.filter((part) => !part.includes("\n"))
    ]
    const below = rest.filter((part) => part.includes("\n")).map((part) => `\n  ${part.replaceAll("\n", "\n  ")}`)
    const time = String(timestamp).slice(11, 23)
    return `${time} ${String(level).padEnd(5)} ${service}: ${message}${more.length > 0 ? ` (${more.join(", ")})` : ""}${below.join("")}`
  })

const Level = Schema.Literals(["All", "Trace", "Debug", "Info", "Warn", "Error", "Fatal", "None"])

const settings = Config.all({
  form: Config.Literals(["json", "pretty"], "CLAWSTER_LOG").pipe(Config.withDefault<"json" | "pretty">("json")),
  level: Config.schema(Level, "CLAWSTER_LOG_LEVEL").pipe(Config.withDefault<LogLevel.LogLevel>("Info"))
})

/** Logs to standard output in the form set by `CLAWSTER_LOG`, from the level set by `CLAWSTER_LOG_LEVEL`. */
export const layer = (service: string, instance?: string): Layer.Layer<never, Config.ConfigError> =>
  Layer.unwrap(
    Config.map(settings, ({ form, level }) =>
      Layer.merge(
        Logger.layer([Logger.withConsoleLog(form === "json" ? json(service, instance) : pretty(service))]),
        Layer.succeed(References.MinimumLogLevel, level)
      )
    )
  )
