/** Runs a command beside a gateway, in a process group of its own, with bounded time and output. */
import { spawn } from "node:child_process"
import { Effect } from "effect"
import type { ExecResult } from "../InstanceDriver.ts"

const outputBytesMax = 1024 * 1024
/** As `timeout(1)` and shells have them. */
const timedOutCode = 124
const notFoundCode = 127

export interface ExecOptions {
  readonly cwd: string
  readonly env: Record<string, string>
  readonly timeoutMillis: number
}

/** A command that cannot be found ends with 127, one that took too long with 124. Interruption kills it. */
export const exec = (command: ReadonlyArray<string>, options: ExecOptions): Effect.Effect<ExecResult> =>
  Effect.callback((resume) => {
    const [program = "", ...args] = command
    if (program === "") return resume(Effect.succeed({ exitCode: notFoundCode, stdout: "", stderr: "no command" }))
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"]
    })
    const stdout = collect(child.stdout)
    const stderr = collect(child.stderr)
    let timedOut = false
    const kill = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
      } catch {
        // It ended by itself.
      }
    }
    const timer = setTimeout(() => {
      timedOut = true
      kill()
    }, options.timeoutMillis)
    const done = (exitCode: number, note = ""): void => {
      clearTimeout(timer)
      resume(Effect.succeed({ exitCode, stdout: stdout(), stderr: stderr() + note }))
    }
    child.once("error", (error) => done(notFoundCode, error.message))
    child.once("close", (code) => {
      if (timedOut) done(timedOutCode, `ended after ${options.timeoutMillis} ms`)
      else done(code ?? 137)
    })
    return Effect.sync(() => {
      clearTimeout(timer)
      kill()
    })
  })

/** Keeps the first MiB and reads on, so that the command is not blocked. */
const collect = (stream: NodeJS.ReadableStream): (() => string) => {
  const chunks: Array<Buffer> = []
  let bytes = 0
  stream.on("data", (chunk: Buffer) => {
    if (bytes < outputBytesMax) chunks.push(chunk.subarray(0, outputBytesMax - bytes))
    bytes += chunk.length
  })
  return () => Buffer.concat(chunks).toString("utf8")
}
