/**
 * Stops the server after the process that started it was killed without a chance to stop it. A shell, which must
 * outlive that process and cost next to nothing, holds the other end of a pipe: the pipe closes however its owner ends.
 *
 * The shell finds the server by the data directory and not by a pid passed to it, so there is no moment at which a
 * server runs unwatched. It first lets clients finish, which have lifelines of their own and something to commit; then
 * it disconnects them; then it makes the server abort. This takes 45 s at most.
 *
 * A file beside the directory names the lifeline that holds it. The next owner of the directory writes its own name
 * there before it starts a server, so an earlier lifeline that may still be running leaves that server alone.
 */
import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { writeFileSync } from "node:fs"
import type { Account } from "./ServerAccount.ts"

const script = `
name=$2
read -r _
server() {
  [ "$(cat "$1.lifeline" 2>/dev/null)" = "$name" ] || exit 0
  pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null)
  [ -n "$pid" ] || return 1
  if [ -r "/proc/$pid/cmdline" ]; then grep -qF "$1" "/proc/$pid/cmdline" 2>/dev/null
  elif [ -d /proc/self ]; then return 1
  else ps -p "$pid" -o command= 2>/dev/null | grep -qF "$1"; fi
}
n=0; until server "$1"; do n=$((n + 1)); [ "$n" -gt 3 ] && exit 0; sleep 1; done
for step in "TERM 20" "INT 15" "QUIT 10"; do
  kill -s "\${step% *}" "$pid" 2>/dev/null
  n=0; while server "$1"; do n=$((n + 1)); [ "$n" -gt "\${step#* }" ] && break; sleep 1; done
  server "$1" || exit 0
done
`

export interface Lifeline {
  /** Ends the lifeline. Call it after the server was stopped gracefully, when nothing is left to watch. */
  readonly release: () => void
}

export const hold = (data: string, as: Account | undefined): Lifeline => {
  const name = randomUUID()
  writeFileSync(`${data}.lifeline`, name)
  const watcher = spawn("/bin/sh", ["-c", script, "clawster-postgres-lifeline", data, name], {
    ...as,
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"]
  })
  watcher.on("error", () => undefined)
  watcher.stdin.on("error", () => undefined)
  watcher.unref()
  ;(watcher.stdin as { unref?: () => void }).unref?.()
  return {
    release: () => {
      watcher.kill("SIGKILL")
      watcher.stdin.destroy()
    }
  }
}
