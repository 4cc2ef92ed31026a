/** Runs a command beside a gateway, in a process group of its own, with bounded time and output. */
import { type ChildProcess, spawn } from "node:child_process"
import { Effect } from "effect"
import { callbackWith } from "../../resources/Callback.ts"
import type { ExecResult } from "../InstanceDriver.ts"

const outputBytesMax = 1024 * 1024
/** The exit codes that `timeout(1)` and shells use. */
const timedOutCode = 124
const notFoundCode = 127

export interface ExecOptions {
  readonly cwd: string
  readonly env: Record<string, string>
  readonly timeoutMillis: number
}

/**
 * The exit code is 127 for a command that cannot be started, and 124 for one that exceeded its timeout. Interruption
 * kills the command.
 */
export const exec = (command: ReadonlyArray<string>, options: ExecOptions): Effect.Effect<ExecResult> => {
  const [program = "", ...args] = command
  if (program === "") return Effect.succeed({ exitCode: notFoundCode, stdout: "", stderr: "no command" })
  return callbackWith<Run, ExecResult>((resume) => begin(program, args, options, resume), end)
}

interface Run {
  readonly child: ChildProcess
  readonly timer: NodeJS.Timeout
}

const begin = (
  program: string,
  args: ReadonlyArray<string>,
  { cwd, env, timeoutMillis }: ExecOptions,
  resume: (result: Effect.Effect<ExecResult>) => void
): Run => {
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] })
  const stdout = collect(child.stdout)
  const stderr = collect(child.stderr)
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    killGroup(child)
  }, timeoutMillis)
  const done = (exitCode: number, note = ""): void =>
    resume(Effect.succeed({ exitCode, stdout: stdout(), stderr: stderr() + note }))
  child.on("error", (error) => done(notFoundCode, error.message))
  child.once("close", (code) => {
    if (timedOut) done(timedOutCode, `ended after ${timeoutMillis} ms`)
    else done(code ?? 137)
  })
  return { child, timer }
}

const end = ({ child, timer }: Run): void => {
  clearTimeout(timer)
  if (child.exitCode === null && child.signalCode === null) killGroup(child)
}

const killGroup = ({ pid }: ChildProcess): void => {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL")
  } catch {
    // The process has already ended.
  }
}

/** Keeps the first MiB and discards the rest while it continues to read, so that the command is not blocked. */
const collect = (stream: NodeJS.ReadableStream): (() => string) => {
  const chunks: Array<Buffer> = []
  let bytes = 0
  stream.on("data", (chunk: Buffer) => {
    if (bytes < outputBytesMax) chunks.push(chunk.subarray(0, outputBytesMax - bytes))
    bytes += chunk.length
  })
  return () => Buffer.concat(chunks).toString("utf8")
}
