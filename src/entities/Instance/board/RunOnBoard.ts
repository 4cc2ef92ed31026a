/** Runs the attempts that are on the board, for as long as the instance is up. */
import { Clock, Effect, Fiber, FiberSet, HashMap, Latch } from "effect"
import type { AbortCause, RunEnd } from "../../../schema/events/InstanceEvents.ts"
import { parseInstanceEntityId } from "../../../schema/Ids.ts"
import type { Outputs } from "../../../ports/Outputs.ts"
import type { Payloads } from "../../../ports/Payloads.ts"
import { keepOutput } from "../activities/KeepOutput.ts"
import type { LinkPost } from "../activities/LinkRegistry.ts"
import { asPolicy, type InstanceSelf, pursue, traced } from "../activities/RunAttempt.ts"
import { abortTurn } from "../activities/RunInterventions.ts"
import { TurnReporter } from "../activities/TurnReporter.ts"
import { awayLimitOf, guardSlack, guardStep } from "../InstancePolicy.ts"
import { runIdOf } from "../InstanceState.ts"
import { lostCode, type Verdicted } from "../runs/AttemptOutcomes.ts"
import { saysMore } from "../runs/RunEvolve.ts"
import { refusalOf } from "../runs/RunTransitions.ts"
import type { BoardHost } from "./Board.ts"
import type { Stop } from "./BoardDecisions.ts"
import * as BoardEnds from "./BoardEnds.ts"
import type { BoardMode } from "./BoardMode.ts"
import type { AttemptProgress } from "./BoardReports.ts"
import type { BoardRun } from "./RunBoard.ts"

/** Reports together what happened since the last report was committed. */
class Reports {
  #progress: Array<AttemptProgress> = []
  #ends: Array<RunEnd> = []
  readonly #some = Latch.makeUnsafe(false)

  progress(one: AttemptProgress): void {
    this.#progress.push(one)
    this.#some.openUnsafe()
  }

  end(one: RunEnd): void {
    this.#ends.push(one)
    this.#some.openUnsafe()
  }

  told(self: InstanceSelf): Effect.Effect<never> {
    const next = Effect.suspend(() => {
      const [progress, ends] = [this.#progress, this.#ends]
      this.#progress = []
      this.#ends = []
      this.#some.closeUnsafe()
      return self.report({ _tag: "BoardReport", progress, ends })
    })
    return Effect.forever(Effect.andThen(this.#some.await, next))
  }
}

type Fork = (effect: Effect.Effect<void, never, Outputs | Payloads>) => Fiber.Fiber<void>

const asked: Verdicted = { outcome: { _tag: "aborted" }, verdict: "neutral" }

class Host implements BoardHost {
  readonly #fibers = new Map<string, Fiber.Fiber<void>>()
  readonly #self: InstanceSelf
  readonly #post: LinkPost
  readonly #mode: BoardMode
  readonly #fork: Fork
  readonly reports = new Reports()

  constructor(self: InstanceSelf, post: LinkPost, mode: BoardMode, fork: Fork) {
    this.#self = self
    this.#post = post
    this.#mode = mode
    this.#fork = fork
  }

  begin(run: BoardRun): void {
    if (run.abort !== undefined || this.#mode === "abort") return this.stop(run, run.abort ?? "stopping")
    this.#fibers.set(run.runId, this.#fork(this.#run(run)))
  }

  stop(run: BoardRun, cause: AbortCause): void {
    run.abort ??= cause
    const running = this.#fibers.get(run.runId)
    const ending = abortTurn(this.#post, run.runId, run.attempt.sessionKey, this.#abortedKey(run))
    const interrupted = running === undefined ? Effect.void : Fiber.interrupt(running)
    this.#fork(Effect.andThen(interrupted, Effect.andThen(ending, this.#finish(run, asked))))
  }

  /** As of other runs (RunInterventions.ts): after a timeout the whole session, unless another run of ours is in it. */
  #abortedKey({ abort, attempt, runId }: BoardRun): string | undefined {
    const others = [...this.#post.board.attempts.runs.values(), ...HashMap.values(this.#self.committed().runs)]
    const isShared = others.some((one) => one.runId !== runId && one.attempt.sessionKey === attempt.sessionKey)
    return abort === "timeout" && !isShared ? undefined : runId
  }

  stopUnknown({ origin, runKey, sessionKey }: Stop): void {
    const { instanceId } = parseInstanceEntityId(this.#self.entityId)
    const { board } = this.#post
    const said = Effect.suspend(() =>
      this.#self.tellOthers([BoardEnds.ended(board, instanceId, { origin, runKey }, { _tag: "aborted" })])
    )
    const runId = runIdOf(origin, runKey)
    this.#fork(Effect.andThen(abortTurn(this.#post, runId, sessionKey, runId), said))
  }

  /** Ends the runs whose time is over and that the gateway has not ended. */
  stopOverdue(now: number): void {
    for (const run of this.#post.board.attempts.runs.values()) {
      if (run.abort === undefined && run.deadlineAt + guardSlack <= now) this.stop(run, "timeout")
    }
  }

  #run(run: BoardRun): Effect.Effect<void, never, Outputs | Payloads> {
    const { attempt, runId } = run
    const [self, post] = [this.#self, this.#post]
    const { record } = self.committed()
    const reporter = new TurnReporter((progress) => Effect.sync(() => this.reports.progress({ attempt, ...progress })))
    const refusal = Effect.map(
      Clock.currentTimeMillis,
      (now) =>
        refusalOf(self.committed(), attempt, { onSlot: true, now, others: post.board.attempts.runs.size - 1 })?.reason
    )
    const pursued = pursue(run, {
      post,
      reporter,
      maybeSent: run.entry === undefined || post.begun.has(runId),
      sentLimit: awayLimitOf(record?.spec, attempt),
      isOwner: self.isOwner,
      refusal
    })
    const kept = traced(record?.spec.instanceId, run, pursued).pipe(
      Effect.map((found) => asPolicy(found, record?.spec)),
      Effect.tap(({ outcome }) => {
        const isLost = outcome._tag === "failed" && outcome.error.code === lostCode
        return Effect.sync(() => (isLost ? post.givenUp(runId, attempt.sessionKey) : undefined))
      }),
      Effect.flatMap(({ outcome, verdict }) =>
        Effect.map(keepOutput(attempt, outcome), (outcome): Verdicted => ({ outcome, verdict }))
      )
    )
    return Effect.scoped(Effect.flatMap(kept, (ended) => this.#finish(run, ended)))
  }

  /** A stop and an end that come together end the run once. */
  #finish(run: BoardRun, ended: Verdicted): Effect.Effect<void> {
    return Effect.uninterruptible(
      Effect.suspend(() => {
        this.#fibers.delete(run.runId)
        if (this.#post.board.attempts.runs.get(run.runId) !== run) return Effect.void
        return Effect.map(BoardEnds.finish(run, ended, this.#self, this.#post), (end) => {
          if (saysMore(this.#self.committed(), end)) this.reports.end(end)
        })
      })
    )
  }
}

export const runOnBoard = Effect.fnUntraced(function* (mode: BoardMode, self: InstanceSelf, post: LinkPost) {
  const { board } = post
  yield* self.tellOthers([...board.unheard.values()])
  if (mode === "close") {
    for (const run of [...board.attempts.runs.values()]) {
      run.abort ??= "stopping"
      yield* BoardEnds.finish(run, asked, self, post)
    }
    return
  }
  const host = new Host(self, post, mode, yield* FiberSet.makeRuntime<Outputs | Payloads, void, never>())
  yield* Effect.acquireRelease(
    Effect.sync(() => void (board.host = host)),
    () => Effect.sync(() => void (board.host === host && (board.host = undefined)))
  )
  for (const run of board.attempts.runs.values()) host.begin(run)
  yield* Effect.forkScoped(host.reports.told(self))
  const guard = Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => host.stopOverdue(now)))
  return yield* Effect.forever(Effect.andThen(Effect.sleep(guardStep), guard))
})
