/** One run in the memory of a simulated gateway's process. */
import type { GatewayError, TurnEnd, TurnProgress } from "../../openclaw/GatewayLink.ts"
import { Feed } from "./ProgressQueue.ts"
import type { Session, TurnRecord } from "./SimulatedSession.ts"
import type { Timer } from "./FleetTimers.ts"

export type RunFeed = Feed<TurnProgress, GatewayError>

const feedCapacity = 256

const mergeDeltas = (last: TurnProgress, next: TurnProgress): TurnProgress | undefined =>
  last._tag === "TextDelta" && next._tag === "TextDelta" ? { ...next, delta: last.delta + next.delta } : undefined

export class Run {
  readonly runId: string
  /** The caller's key for the turn. The run id of a resumed run differs from it. */
  readonly runKey: string
  readonly session: Session
  readonly timeoutMillis: number | undefined
  readonly resumed: boolean
  readonly record: TurnRecord
  message: string
  state: "queued" | "running" | "ended" = "queued"
  text = ""
  end: TurnEnd | undefined
  /** Answers to further messages that were steered into this run. */
  steered: Array<string> = []
  timer: Timer | undefined
  answer: TurnEnd | undefined
  losesReply = false
  readonly feeds = new Set<RunFeed>()

  constructor(options: {
    readonly runId: string
    readonly runKey: string
    readonly session: Session
    readonly message: string
    readonly timeoutMillis: number | undefined
    readonly resumes?: TurnRecord
  }) {
    this.runId = options.runId
    this.runKey = options.runKey
    this.session = options.session
    this.message = options.message
    this.timeoutMillis = options.timeoutMillis
    this.resumed = options.resumes !== undefined
    this.record = options.resumes ?? { runId: options.runId, end: undefined }
  }

  emit(progress: TurnProgress): void {
    for (const feed of this.feeds) feed.push(progress)
  }

  say(text: string): void {
    if (text === this.text) return
    const delta = text.startsWith(this.text) ? text.slice(this.text.length) : text
    this.text = text
    if (this.feeds.size > 0) this.emit({ _tag: "TextDelta", delta, text })
  }

  /** Opens a feed for a new reader, which first receives the current state of the run. */
  subscribe(bootId: string): RunFeed {
    const feed: RunFeed = new Feed(mergeDeltas, feedCapacity)
    feed.push({ _tag: "Accepted", runId: this.runId, bootId })
    if (this.state === "running") feed.push({ _tag: "Phase", phase: "start" })
    if (this.text !== "") feed.push({ _tag: "TextDelta", delta: this.text, text: this.text })
    if (this.end === undefined) this.feeds.add(feed)
    else {
      feed.push({ _tag: "Ended", end: this.end })
      feed.end()
    }
    return feed
  }

  close(end: TurnEnd): void {
    this.state = "ended"
    this.end = end
    this.timer?.cancel()
    this.timer = undefined
    for (const feed of this.feeds) {
      if (end.usage !== undefined) feed.push({ _tag: "Usage", usage: end.usage })
      feed.push({ _tag: "Ended", end })
      feed.end()
    }
    this.feeds.clear()
  }
}
