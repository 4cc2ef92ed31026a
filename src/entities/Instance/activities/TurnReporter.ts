/**
 * Reports the progress of a running turn: at most two texts a second, and each tool call up to `toolReports`. The
 * gateway's text is cumulative, so a text that is left out is part of the next report or of the result.
 */
import { Clock, Effect, type Scope } from "effect"
import * as TaskSpan from "../../../observability/TaskSpan.ts"
import type { TurnProgress } from "../../../openclaw/GatewayLink.ts"
import { bounds, cut } from "../../../schema/text/Bounds.ts"
import type { ProgressKind } from "../../../schema/events/InstanceEvents.ts"
import { textEvery, textTail, toolReports } from "../InstancePolicy.ts"

export interface Progress {
  readonly kind: ProgressKind
  readonly text?: string
  readonly tool?: string
}

export class TurnReporter {
  readonly #tell: (progress: Progress) => Effect.Effect<void>
  #lastTextAt = -Infinity
  #pending: string | undefined
  #toolsLeft = toolReports

  constructor(tell: (progress: Progress) => Effect.Effect<void>) {
    this.#tell = tell
  }

  /** Reports together what arrived together. A text that comes too soon is delayed until `textEvery` has passed. */
  report(arrived: ReadonlyArray<TurnProgress>): Effect.Effect<void, never, Scope.Scope> {
    let text: string | undefined
    const tools: Array<Progress> = []
    for (const progress of arrived) {
      if (progress._tag === "TextDelta") text = progress.text
      else if (progress._tag === "ToolStarted")
        tools.push({ kind: "tool_started", tool: cut(progress.name, bounds.toolName) })
      else if (progress._tag === "ToolEnded") {
        tools.push({ kind: progress.isError ? "tool_failed" : "tool_ended", tool: cut(progress.name, bounds.toolName) })
      }
    }
    if (text === undefined && tools.length === 0) return Effect.void
    const told = tools.slice(0, this.#toolsLeft)
    this.#toolsLeft -= told.length
    return Effect.andThen(
      text === undefined ? Effect.void : this.#text(text),
      Effect.forEach(told, (tool) => this.#tellTool(tool), { discard: true })
    )
  }

  #tellTool(progress: Progress): Effect.Effect<void> {
    const telling = this.#tell(progress)
    return progress.kind === "tool_started"
      ? Effect.andThen(TaskSpan.toolCalled(progress.tool ?? ""), telling)
      : telling
  }

  #text(text: string): Effect.Effect<void, never, Scope.Scope> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const tail = cut(text.slice(-textTail), textTail)
      if (this.#pending !== undefined) {
        this.#pending = tail
        return Effect.void
      }
      const wait = this.#lastTextAt + textEvery - now
      if (wait <= 0) return this.#say(tail, now)
      this.#pending = tail
      return Effect.forkScoped(Effect.delay(this.#flush, wait))
    })
  }

  get #flush(): Effect.Effect<void> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const text = this.#pending ?? ""
      this.#pending = undefined
      return this.#say(text, now)
    })
  }

  #say(text: string, now: number): Effect.Effect<void> {
    this.#lastTextAt = now
    return this.#tell({ kind: "text", text })
  }
}
