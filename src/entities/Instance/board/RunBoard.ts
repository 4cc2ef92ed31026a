/**
 * The attempts that run at one instance on slots of their origins, in memory, for one epoch of its actor. Their origins
 * say what runs here (StartAttempt), and hear the ends until they have them. Pure: it says what is to be done.
 *
 * A start is begun at once only when it is certain that no owner of the instance before this one has begun it: its
 * origin has told all that may run (HolderPresent), and started it after that. A start that comes before is left out,
 * for its origin tells it again; one that is told again is looked up at the gateway before it is sent. What was begun
 * here is known by its run id and the time of its start, so that it begins once however often it is told.
 */
import type { AbortCause } from "../../../schema/events/InstanceEvents.ts"
import type { ActorRef } from "../../../schema/ActorRef.ts"
import type { Attempt } from "../../../schema/runs/Attempt.ts"
import { runIdOf } from "../InstanceState.ts"
import { holderKey, holdersMost } from "../slots/SlotBook.ts"
import type { Present, Start } from "./BoardDecisions.ts"

export interface BoardRun {
  readonly runId: string
  readonly attempt: Attempt
  readonly startedAt: number
  readonly acceptedAt: number
  /** Unix milliseconds at which the attempt's time is over. */
  readonly deadlineAt: number
  /** Number of the origin's journal entry; undefined when it may have been sent to the gateway by an owner before. */
  readonly entry: number | undefined
  abort?: AbortCause
}

interface Holder {
  readonly epoch: number
  /** Starts up to this entry of its journal were told again, or had ended. */
  readonly entry: number
  /** Starts before this entry are not remembered here any more. */
  forgotten: number
}

interface Past {
  readonly startedAt: number
  readonly holder: string
  readonly entry: number | undefined
}

/** Ended and refused attempts that are remembered. */
export const pastMost = 4_096

export class RunBoard {
  readonly runs = new Map<string, BoardRun>()
  readonly #holders = new Map<string, Holder>()
  readonly #past = new Map<string, Past>()
  /** Their run ids in the order in which they ended, from `#next` on: a ring of `pastMost`. */
  readonly #order: Array<string> = []
  #next = 0

  /** Notes that the holder has told all that it started up to this entry. */
  present({ entry, epoch, holder }: Omit<Present, "_tag">): void {
    const key = holderKey(holder)
    const known = this.#holders.get(key)
    if (known !== undefined && known.epoch > epoch) return
    this.#holders.set(key, { epoch, entry, forgotten: known?.epoch === epoch ? known.forgotten : 0 })
  }

  isPresent(holder: ActorRef): boolean {
    return this.#holders.has(holderKey(holder))
  }

  /** When there are many, forgets those that hold no slots: they are present anew with their next slots. */
  forgetHolders(holdsSlots: (key: string) => boolean): void {
    if (this.#holders.size <= 2 * holdersMost) return
    for (const key of this.#holders.keys()) if (!holdsSlots(key)) this.#holders.delete(key)
  }

  /** The run to begin; undefined when it is known, is over, is of an earlier owner, or will be told again. */
  admit({ attempt, entry, epoch, startedAt }: Omit<Start, "_tag">, now: number): BoardRun | undefined {
    const runId = runIdOf(attempt.origin, attempt.runKey)
    const holder = this.#holders.get(holderKey(attempt.origin))
    if (holder !== undefined && epoch < holder.epoch) return undefined
    if (entry !== undefined && !isNew(holder, epoch, entry)) return undefined
    const [known, past] = [this.runs.get(runId), this.#past.get(runId)]
    if (known !== undefined || (past !== undefined && startedAt <= past.startedAt)) return undefined
    const run: BoardRun = {
      runId,
      attempt,
      startedAt,
      acceptedAt: now,
      deadlineAt: now + attempt.timeoutMillis,
      entry
    }
    this.runs.set(runId, run)
    return run
  }

  /** Takes the run off the board, and remembers it. */
  over({ attempt, entry, runId, startedAt }: BoardRun): void {
    this.runs.delete(runId)
    const isNew = !this.#past.has(runId)
    this.#past.set(runId, { startedAt, holder: holderKey(attempt.origin), entry })
    if (!isNew) return
    const oldest = this.#order[this.#next]
    if (oldest !== undefined) this.#forget(oldest)
    this.#order[this.#next] = runId
    this.#next = (this.#next + 1) % pastMost
  }

  #forget(runId: string): void {
    const { entry, holder: key } = this.#past.get(runId)!
    this.#past.delete(runId)
    const holder = this.#holders.get(key)
    if (holder !== undefined && entry !== undefined) holder.forgotten = Math.max(holder.forgotten, entry)
  }
}

/** Whether the start can only be the first that this instance hears of. */
const isNew = (holder: Holder | undefined, epoch: number, entry: number): boolean =>
  holder !== undefined && holder.epoch === epoch && entry > holder.entry && entry >= holder.forgotten
