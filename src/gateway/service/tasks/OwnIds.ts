/**
 * Task ids of the caller's own. An id names one submission: the same again is `duplicate`, and another under the same
 * id, or in another lane, is refused, so that nobody takes another task's result for its own.
 *
 * A lane knows only the tasks that it holds, so the rows are asked: before a submit, which refuses all of it with
 * nothing stored, and after it, since another may have been first meanwhile; the row's primary key decides. Ids that
 * the edge has made are not looked up.
 */
import { Effect } from "effect"
import { sha256Hex } from "../../../auth/DigestNode.ts"
import type { StoredSubmission, TaskReads } from "../../../ports/Reads.ts"
import type { SubmitOutcome } from "../../../rpc/LaneRpcs.ts"
import { type ActorUnavailable, Conflict, InvalidInput } from "../../../schema/Errors.ts"
import type { TaskId } from "../../../schema/Ids.ts"
import type { TaskSpec } from "../../../schema/Task.ts"
import { canonicalJson } from "../RequestContext.ts"

/** The lane as it was asked for, also where the task was redirected. */
const fingerprintOf = ({ fingerprint: _, idIsNew: __, traceparent: ___, ...asked }: TaskSpec): string =>
  sha256Hex(canonicalJson(asked)).slice(0, 32)

export const withFingerprint = (spec: TaskSpec): TaskSpec =>
  spec.idIsNew === true ? spec : { ...spec, fingerprint: fingerprintOf(spec) }

/** An id twice in one request, for two different tasks. */
export const repeatedFault = (specs: ReadonlyArray<TaskSpec>): InvalidInput | undefined => {
  const seen = new Map<TaskId, number>()
  const faults = specs.flatMap((spec, index) => {
    const first = seen.get(spec.taskId)
    if (first === undefined) seen.set(spec.taskId, index)
    return first === undefined || specs[first]!.fingerprint === spec.fingerprint
      ? []
      : [{ path: `tasks[${index}].taskId`, expected: `another id than tasks[${first}], which is another task` }]
  })
  return faults.length === 0
    ? undefined
    : new InvalidInput({ message: "an id names one task", faults: faults.slice(0, 20) })
}

/**
 * A row of before fingerprints were kept is compared by its spec. One whose spec cannot be read is not known to be the
 * same.
 */
const isSame = (spec: TaskSpec, { fingerprint, spec: stored }: StoredSubmission): boolean => {
  const { lane } = (stored ?? {}) as { readonly lane?: string }
  const before = fingerprint ?? (lane === undefined ? undefined : fingerprintOf(stored as TaskSpec))
  return before === spec.fingerprint
}

const conflict = ({ lane, taskId }: TaskSpec, found: StoredSubmission, alsoAccepted: number): Conflict =>
  new Conflict({
    message:
      (found.lane === lane
        ? `task ${taskId} is there with another submission; use a new id for a new task`
        : `task ${taskId} is there in lane ${found.lane}, not in lane ${lane}; use a new id for a new task`) +
      (alsoAccepted === 0 ? "" : `. The other ${alsoAccepted} tasks of the request were accepted`),
    state: found.phase
  })

type Lookup = TaskReads["Service"]["submissions"]

/** Runs the submit between two looks at the rows of the caller's own ids. */
export const checked = Effect.fnUntraced(function* <E>(
  lookup: Lookup,
  specs: ReadonlyArray<TaskSpec>,
  submit: Effect.Effect<ReadonlyArray<SubmitOutcome>, E>
) {
  const own = specs.filter(({ idIsNew }) => idIsNew !== true)
  const [first] = own
  if (first === undefined) return yield* submit
  const look: Effect.Effect<ReadonlyMap<TaskId, StoredSubmission>, ActorUnavailable> = lookup(
    first.tenantId,
    own.map(({ taskId }) => taskId)
  )
  const other = (found: ReadonlyMap<TaskId, StoredSubmission>, alsoAccepted: number) =>
    own.flatMap((spec) => {
      const row = found.get(spec.taskId)
      return row === undefined || isSame(spec, row) ? [] : [conflict(spec, row, alsoAccepted)]
    })[0]
  const before = other(yield* look, 0)
  if (before !== undefined) return yield* before
  const outcomes = yield* submit
  const found = yield* look
  const after = other(found, specs.length - 1)
  if (after !== undefined) return yield* after
  return outcomes.map((outcome): SubmitOutcome => {
    const row = found.get(outcome.taskId)
    const isOlder = row !== undefined && row.submittedAt !== outcome.submittedAt
    return outcome.outcome === "accepted" && isOlder
      ? { ...outcome, outcome: "duplicate", phase: row.phase, lane: row.lane, submittedAt: row.submittedAt }
      : outcome
  })
})
