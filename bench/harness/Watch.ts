/**
 * Listens in on the actors of this process: when a lane picks a task, when a gateway begins it, and when its end is
 * durable. It watches what is written and changes nothing. Picks are told apart for one lane at a time: the last look
 * at the fleet before a start commits is the pick.
 */
import { Effect, Layer } from "effect"
import { type Commit, Journal } from "../../src/actor/Journal.ts"
import { Fleet } from "../../src/ports/Fleet.ts"

const tasksOf = (commit: Commit, tag: string): ReadonlyArray<string> =>
  commit.address.entityType !== "Lane"
    ? []
    : commit.entries.flatMap(({ events }) =>
        (events as ReadonlyArray<{ readonly _tag: string; readonly taskId: string }>)
          .filter(({ _tag }) => _tag === tag)
          .map(({ taskId }) => taskId)
      )

export class Watch {
  /** Milliseconds from pick to begin. */
  waits: Array<number> = []
  onCompleted: (taskId: string) => void = () => {}
  #looked = 0
  readonly #picked = new Map<string, number>()

  began(taskId: string): void {
    const picked = this.#picked.get(taskId)
    if (picked !== undefined) this.waits.push(performance.now() - picked)
    this.#picked.delete(taskId)
  }

  readonly fleet: Layer.Layer<Fleet, never, Fleet> = Layer.effect(
    Fleet,
    Effect.map(Fleet, (fleet) => ({
      ...fleet,
      snapshot: Effect.tap(fleet.snapshot, () => Effect.sync(() => (this.#looked = performance.now())))
    }))
  )

  readonly journal: Layer.Layer<Journal, never, Journal> = Layer.effect(
    Journal,
    Effect.map(Journal, (journal) => ({
      ...journal,
      append: (commit) => {
        for (const taskId of tasksOf(commit, "task.started")) this.#picked.set(taskId, this.#looked)
        return Effect.tap(journal.append(commit), () =>
          Effect.sync(() => {
            for (const taskId of tasksOf(commit, "task.completed")) this.onCompleted(taskId)
          })
        )
      }
    }))
  )
}
