/** Decides what the board reports of its attempts: their progress, and ends that say something of the gateway. */
import { type DecideContext, type Decision, note } from "../../../actor/Actor.ts"
import type { InstanceEvent, ProgressKind, RunEnd } from "../../../schema/events/InstanceEvents.ts"
import type { Attempt } from "../../../schema/runs/Attempt.ts"
import type { InstanceRecord, InstanceState } from "../InstanceState.ts"
import { runFields } from "../runs/RunFields.ts"
import { about, draft, noteBreaker } from "../runs/RunTransitions.ts"

export interface AttemptProgress {
  readonly attempt: Attempt
  readonly kind: ProgressKind
  readonly text?: string
  readonly tool?: string
}

export interface BoardReport {
  readonly _tag: "BoardReport"
  readonly progress: ReadonlyArray<AttemptProgress>
  readonly ends: ReadonlyArray<RunEnd>
}

export const onBoardReport = (
  state: InstanceState,
  record: InstanceRecord,
  { ends, progress }: BoardReport,
  now: DecideContext["now"]
): Decision<InstanceEvent, void, never> => {
  const { instanceId } = record.spec
  if (ends.length === 0) return note(progress.map((one) => progressed(instanceId, one)))
  const change = draft(state)
  const before = state.breaker.state
  for (const one of progress) change.emit(progressed(instanceId, one))
  change.emit({ _tag: "instance.internal_attempts_ended", ...about(record), ends, at: now })
  noteBreaker(change, before)
  return change.accept(undefined)
}

const progressed = (
  instanceId: InstanceRecord["spec"]["instanceId"],
  { attempt, kind, text, tool }: AttemptProgress
): InstanceEvent => ({
  _tag: "task.progress",
  ...runFields(instanceId, attempt),
  kind,
  ...(text === undefined ? {} : { text }),
  ...(tool === undefined ? {} : { tool })
})
