/** Derives the meaning of a gateway process's end from its exit code and its last log lines. Pure. */
import { cut } from "../../schema/text/Bounds.ts"
import type { DriverError } from "../InstanceDriver.ts"

export interface ProcessExit {
  /** 128 + n for signal n, as in a shell; undefined when no exit was observed. */
  readonly exitCode: number | undefined
}

export interface ExitMeaning {
  readonly reason: DriverError["reason"]
  readonly message: string
  readonly retryable: boolean
}

const stateInUse = /another openclaw process|owns gateway-lifecycle|state (dir|directory|database) is (in use|locked)/i
const portInUse = /EADDRINUSE|port \d+ is already in use|already listening on/i
const linesTold = 12
const charactersTold = 2_000

/** `started`: the gateway had answered its startup probe, so its end is not a failure to launch. */
export const exitMeaning = (
  { exitCode }: ProcessExit,
  lastLines: ReadonlyArray<string>,
  started: boolean
): ExitMeaning => {
  const text = lastLines.join("\n")
  const told = tell(lastLines)
  if (exitCode === 78) {
    return stateInUse.test(text)
      ? meaning("StateInUse", `another gateway owns this instance's state directory${told}`, true)
      : meaning(
          "ConfigurationRefused",
          `the gateway refused its configuration; mend the instance's gatewayConfig, or CLAWSTER_GATEWAY_CONFIG${told}`,
          false
        )
  }
  if (exitCode === 1 && portInUse.test(text)) {
    return meaning(
      "PortInUse",
      `the gateway's port is taken by another process; it is tried again on another one${told}`,
      true
    )
  }
  if (started) return meaning("NotRunning", ended(exitCode), true)
  return meaning("LaunchFailed", `the gateway ended before it had started, ${ended(exitCode)}${told}`, true)
}

const ended = (exitCode: number | undefined): string => {
  if (exitCode === undefined) return "the gateway or its guardian process is gone, and nobody saw an exit code"
  if (exitCode === 0) return "the gateway stopped (exit code 0)"
  return exitCode > 128
    ? `the gateway was ended by signal ${exitCode - 128} (exit code ${exitCode})`
    : `the gateway exited with code ${exitCode}`
}

const meaning = (reason: ExitMeaning["reason"], message: string, retryable: boolean): ExitMeaning => ({
  reason,
  message,
  retryable
})

/**
 * The gateway's last lines, without terminal colours, and truncated so that a long log line does not hide the reason.
 */
export const tell = (lines: ReadonlyArray<string>): string => {
  const plain = lines
    // oxlint-disable-next-line no-control-regex
    .map((line) => line.replaceAll(/\u001b\[[0-9;]*m/g, "").trim())
    .filter((line) => line !== "")
    .slice(-linesTold)
    .join("\n")
  return plain === "" ? "" : `. Its last lines:\n${cut(plain.slice(-charactersTold), charactersTold)}`
}
