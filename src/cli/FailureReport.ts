/** Presents a failure as one message, a hint on what to do, and an exit code. A stack trace is never shown. */
import { Cause } from "effect"

export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  unavailable: 5,
  interrupted: 130
} as const

export interface Told {
  readonly exitCode: number
  readonly code: string
  readonly message: string
  readonly details: ReadonlyArray<string>
}

interface Tagged {
  readonly _tag: string
  readonly message?: unknown
  readonly faults?: ReadonlyArray<{ readonly path: string; readonly expected: string }>
  readonly retryAfterMillis?: number
  readonly required?: string
  readonly state?: string
  readonly url?: string
}

const codeOf: Record<string, number> = {
  BadSetup: exitCodes.usage,
  BadInput: exitCodes.usage,
  InvalidInput: exitCodes.usage,
  NotFound: exitCodes.notFound,
  Unauthenticated: exitCodes.denied,
  Forbidden: exitCodes.denied,
  ApiUnreachable: exitCodes.unavailable,
  ActorUnavailable: exitCodes.unavailable,
  Overloaded: exitCodes.unavailable
}

const seconds = (millis: number) => `${Math.max(1, Math.ceil(millis / 1_000))} s`

const hints = (error: Tagged): ReadonlyArray<string> => {
  switch (error._tag) {
    case "InvalidInput":
      return (error.faults ?? []).map(({ expected, path }) => `${path}: expected ${expected}`)
    case "Unauthenticated":
      return ["set CLAWSTER_API_KEY or --api-key; clawster key create makes a key, clawster up writes one"]
    case "Forbidden":
      return error.required === undefined ? [] : [`needs ${error.required}`]
    case "ApiUnreachable":
      return ["start one with clawster up, or name another with --url or CLAWSTER_URL"]
    case "Conflict":
      return error.state === undefined ? [] : [`it is ${error.state}`]
    case "ActorUnavailable":
    case "Overloaded":
      return error.retryAfterMillis === undefined ? [] : [`try again in ${seconds(error.retryAfterMillis)}`]
    default:
      return []
  }
}

const isTagged = (error: unknown): error is Tagged => typeof error === "object" && error !== null && "_tag" in error

const messageOf = (error: unknown): string => {
  const message = typeof error === "object" && error !== null && "message" in error ? error.message : error
  return typeof message === "string" && message !== "" ? message : isTagged(error) ? error._tag : String(message)
}

export const tell = (cause: Cause.Cause<unknown>): Told => {
  if (Cause.hasInterruptsOnly(cause))
    return { exitCode: exitCodes.interrupted, code: "Interrupted", message: "interrupted", details: [] }
  const error = Cause.squash(cause)
  return isTagged(error)
    ? {
        exitCode: codeOf[error._tag] ?? exitCodes.failure,
        code: error._tag,
        message: messageOf(error),
        details: hints(error)
      }
    : { exitCode: exitCodes.failure, code: "Failure", message: messageOf(error), details: [] }
}

export const human = ({ details, message }: Told): string =>
  [`clawster: ${message}`, ...details.map((line) => `  ${line}`)].join("\n")

export const json = ({ code, details, message }: Told): string => JSON.stringify({ error: { code, message, details } })
