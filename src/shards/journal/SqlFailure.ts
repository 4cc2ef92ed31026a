/**
 * Classifies why PostgreSQL did not write a group of rows, for all users of WriteBatcher.ts.
 *
 * A write that is refused for its content is refused every time, so it must fail permanently, and alone. Any other
 * failure that does not prove that the rows were left unwritten is `Unknown`.
 */
import { PgProtocol } from "@effect/sql-pg"
import type { SqlError } from "effect/sql"
import { WriteFailed } from "./WriteBatcher.ts"

/**
 * SQLSTATE classes of content failures: data exceptions, violated constraints, and limits of the server such as the
 * size of an index row or of a value.
 */
const contentClasses: ReadonlySet<string> = new Set(["22", "23", "54"])
/** Error text for a value above 1 GB, which has no SQLSTATE of its own. */
const tooLarge = "invalid memory alloc request size"

/** Includes values that the driver cannot encode into a message; nothing was sent then. */
const isContent = (cause: unknown): boolean => {
  if (typeof cause !== "object" || cause === null) return false
  if (cause instanceof PgProtocol.EncodeError) return true
  const { code, message } = cause as { readonly code?: unknown; readonly message?: unknown }
  if (typeof code === "string" && contentClasses.has(code.slice(0, 2))) return true
  return code === "XX000" && String(message).includes(tooLarge)
}

const reasonOf = ({ reason }: SqlError.SqlError): WriteFailed["reason"] => {
  switch (reason._tag) {
    case "UniqueViolation":
      return "Conflict"
    case "ConstraintError":
      return "Content"
    case "DeadlockError":
    case "SerializationError":
      return "Victim"
    default:
      return isContent(reason.cause) ? "Content" : "Unknown"
  }
}

const messageMost = 500

/** Prefers the server's own message, which names the column or the character. */
const messageOf = (error: SqlError.SqlError): string => {
  const { cause } = error.reason as { readonly cause?: unknown }
  const { code, message } = (cause ?? {}) as { readonly code?: unknown; readonly message?: unknown }
  const told = typeof message === "string" ? message : String(error)
  return `${told}${typeof code === "string" ? ` (SQLSTATE ${code})` : ""}`.slice(0, messageMost)
}

export const ofSqlError = (error: SqlError.SqlError): WriteFailed =>
  new WriteFailed({ reason: reasonOf(error), message: messageOf(error) })

/**
 * For errors thrown before anything was sent: a value that is not JSON, or a statement that is too long for a buffer.
 */
export const ofUnsent = (error: unknown): WriteFailed =>
  new WriteFailed({ reason: "Content", message: String(error).slice(0, messageMost) })
