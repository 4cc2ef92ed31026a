/**
 * Explains a failure to the user who started the process: the cause in one line, from the most specific source, and
 * what to do. A stack trace is never shown.
 */
import { Cause } from "effect"
import { portHolder } from "../../processes/PortHolder.ts"
import { causeChain } from "../../schema/text/CauseChain.ts"
import { faultOf } from "../../shards/postgres/DatabaseFault.ts"

export interface Explained {
  readonly message: string
  readonly advice?: string
}

interface Link {
  readonly _tag?: unknown
  readonly code?: unknown
  readonly syscall?: unknown
  readonly message?: unknown
  readonly advice?: unknown
  readonly address?: unknown
  readonly port?: unknown
  readonly path?: unknown
}

const text = (value: unknown): string => (typeof value === "string" ? value.trim() : "")

const where = ({ address, port }: Link) => `${text(address) || "port"}${port === undefined ? "" : `:${String(port)}`}`

const listen = (link: Link, code: string): Explained => {
  const at = where(link)
  switch (code) {
    case "EADDRINUSE": {
      const holder = typeof link.port === "number" ? portHolder(link.port) : undefined
      return {
        message: `${at} is taken${holder === undefined ? "" : ` by ${holder}`}`,
        advice:
          "stop that, or choose another port (--port, CLAWSTER_HTTP_PORT, CLAWSTER_RUNNER_PORT, CLAWSTER_METRICS_PORT)"
      }
    }
    case "EADDRNOTAVAIL":
      return {
        message: `${at} is no address of this machine`,
        advice: "name one that it has, or 0.0.0.0 for all (CLAWSTER_HTTP_HOST, CLAWSTER_RUNNER_LISTEN_HOST)"
      }
    case "EACCES":
      return { message: `this user may not listen on ${at}`, advice: "choose a port above 1023" }
    default:
      return { message: `cannot listen on ${at} (${code})`, advice: "choose another address or port" }
  }
}

const advices: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full; free some space",
  EDQUOT: "this user's quota is used up; free some space",
  EROFS: "the file system is read-only; name another folder by CLAWSTER_HOME or --home",
  EACCES: "give this user the right, or name another folder by CLAWSTER_HOME or --home",
  EPERM: "give this user the right, or name another folder by CLAWSTER_HOME or --home",
  EMFILE: "this process may open too few files; raise the limit (ulimit -n)",
  ENFILE: "the machine has too many open files; raise fs.file-max",
  ENOENT: "is the path right?",
  ENOTDIR: "a part of the path is a file, not a folder",
  EISDIR: "it is a folder, where a file was expected",
  ENOMEM: "the machine is out of memory"
}

const system = (links: ReadonlyArray<Link>): Explained | undefined => {
  const link = links.findLast(({ code, syscall }) => typeof code === "string" && typeof syscall === "string")
  if (link === undefined) return undefined
  const code = text(link.code)
  if (link.syscall === "listen" || link.syscall === "bind") return listen(link, code)
  const advice = advices[code]
  const message = text(link.message).replace(/^[A-Z]+: /, "")
  return { message: `${message} (${code})`, ...(advice === undefined ? {} : { advice }) }
}

/** Errors of this code base contain their own message and advice. */
const ours = (links: ReadonlyArray<Link>): Explained | undefined => {
  const link = links.find(({ advice, message }) => text(advice) !== "" && text(message) !== "")
  return link === undefined ? undefined : { message: text(link.message), advice: text(link.advice) }
}

/** For other errors: the outermost message, followed by the innermost when it adds information. */
const plain = (error: unknown, links: ReadonlyArray<Link>): Explained => {
  const messages = links.map(({ message }) => text(message)).filter((message) => message !== "")
  const first = messages[0] ?? text(links[0]?._tag)
  const last = messages.at(-1)
  return {
    message: first === "" ? String(error) : last === undefined || first.includes(last) ? first : `${first}: ${last}`
  }
}

const isConfig = ({ _tag }: Link) => _tag === "ConfigError"

export const explain = (error: unknown): Explained => {
  const links = causeChain<Link>(error)
  return (
    ours(links) ??
    faultOf(error) ??
    system(links) ?? {
      ...plain(error, links),
      ...(links.some(isConfig) ? { advice: "clawster config show lists every setting" } : {})
    }
  )
}

export const explainCause = (cause: Cause.Cause<unknown>): Explained => explain(Cause.squash(cause))

/** The text that a failed command prints to standard error. */
export const told = ({ advice, message }: Explained): string =>
  `clawster: ${message.replaceAll(/\s*\n\s*/g, "; ")}\n${advice === undefined ? "" : `  ${advice}\n`}`
