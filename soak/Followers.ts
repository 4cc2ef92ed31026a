/**
 * Followers of `/events` over WebSocket: some read all they get, some are slow, some never read and are cut off by the
 * gateway. Each comes back at its last cursor. The first one reads everything of every tenant, and keeps the ledger.
 */
import { WebSocket } from "ws"
import type { Ledger } from "./Ledger.ts"

export type Manner = "reads" | "slow" | "never reads"

export interface Event {
  readonly type: string
  readonly cursor?: string
  readonly entityType?: string
  readonly entityId?: string
  readonly seq?: number
  readonly payload: { readonly taskId?: string; readonly cursor?: string }
}

const ends: Readonly<Record<string, string>> = {
  "task.completed": "tasks completed",
  "task.failed": "tasks failed",
  "task.cancelled": "tasks cancelled",
  "task.dead_lettered": "tasks dead-lettered"
}
const comebackMillis = 500
const actorsRemembered = 20_000

export interface Follower {
  readonly cut: () => void
  readonly close: () => void
}

/** Order of each actor's events; of the actors that were heard of last. */
const orderOf = (ledger: Ledger, name: string) => {
  const seen = new Map<string, number>()
  return ({ entityId, entityType, seq }: Event): void => {
    if (seq === undefined) return
    const key = `${entityType}/${entityId}`
    const before = seen.get(key)
    if (before !== undefined && seq < before) ledger.fault(`${name} saw entry ${seq} of ${key} after ${before}`)
    seen.delete(key)
    seen.set(key, seq)
    if (seen.size > actorsRemembered) seen.delete(seen.keys().next().value!)
  }
}

export const follow = (
  url: string,
  token: string,
  name: string,
  manner: Manner,
  ledger: Ledger,
  /** Of a follower of every tenant, which keeps the ledger: is told of each event besides. */
  audit?: (event: Event) => void
): Follower => {
  let closed = false
  let cursor: string | undefined
  let current: WebSocket | undefined
  let pausing: NodeJS.Timeout | undefined
  const inOrder = orderOf(ledger, name)
  /** Of the last second or so: an entry of several events may be sent again from its middle, and no event twice. */
  let last = ""

  const take = (text: string): void => {
    const event = JSON.parse(text) as Event
    if (event.type === "hello") cursor ??= event.payload.cursor
    if (event.cursor === undefined || event.seq === undefined) return
    if (event.type.startsWith("feed.")) {
      cursor = event.cursor
      if (event.type === "feed.gap") {
        if (manner === "reads") ledger.fault(`${name} was told of a gap at ${event.cursor}`)
        else ledger.count("gaps told to slow followers")
      }
      return
    }
    if (event.cursor === last) ledger.fault(`${name} got the event at ${last} twice`)
    last = cursor = event.cursor
    inOrder(event)
    ledger.count(`events seen by followers that ${manner === "reads" ? "read" : "are slow"}`)
    if (audit === undefined) return
    audit(event)
    const how = ends[event.type]
    if (how !== undefined && event.payload.taskId !== undefined) ledger.ended(event.payload.taskId, how)
  }

  const dawdle = (socket: WebSocket): void => {
    socket.pause()
    pausing = setTimeout(() => {
      socket.resume()
      pausing = setTimeout(() => dawdle(socket), 200)
    }, 3_000)
  }

  const open = (): void => {
    if (closed) return
    const from = cursor === undefined ? "" : `?cursor=${cursor}`
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/events${from}`, {
      headers: { authorization: `Bearer ${token}` }
    })
    current = socket
    socket.on("open", () => {
      ledger.count("followers connected")
      if (manner === "never reads") socket.pause()
      if (manner === "slow") dawdle(socket)
    })
    socket.on("message", (data) => take(String(data)))
    socket.on("error", () => {})
    socket.on("close", (code) => {
      clearTimeout(pausing)
      if (!closed) ledger.count(`followers closed with ${code}`)
      // One that never reads gets nothing by coming back at its cursor.
      if (manner === "never reads") cursor = undefined
      setTimeout(open, comebackMillis)
    })
  }
  open()
  return {
    cut: () => current?.terminate(),
    close: () => {
      closed = true
      clearTimeout(pausing)
      current?.terminate()
    }
  }
}
