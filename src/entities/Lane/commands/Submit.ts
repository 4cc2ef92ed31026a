/**
 * Accepts tasks into the lane, all in one commit.
 *
 * An id that the lane holds is answered `duplicate`. Ids outside the in-memory windows (waiting behind the window, in
 * another lane, ended) cannot be checked here. The insert does nothing on conflict, so a reused id never runs twice;
 * the lane counts one row too many until it has read the page that should hold the row. Only ids made by the edge
 * (`idIsNew`) skip that read.
 *
 * A refused submission changes nothing; the receivers of its tasks are told, since an actor that submits by message
 * gets no answer. A task redirected from another lane was acknowledged there, so it is never refused: a full lane ends
 * it as failed with `LaneFull`. The task carries the name of the lane it comes from, which limits redirection to one
 * hop.
 */
import { accept, type DecideContext, type Decision, type Outgoing } from "../../../actor/Actor.ts"
import { send } from "../../../actor/Send.ts"
import type { SubmitOutcome } from "../../../rpc/LaneRpcs.ts"
import { Overloaded } from "../../../schema/Errors.ts"
import { layers } from "../../../schema/Layers.ts"
import type { LaneEvent } from "../../../schema/events/LaneEvents.ts"
import { type LaneName, laneEntityId } from "../../../schema/Ids.ts"
import type { TaskPhase, TaskSpec } from "../../../schema/Task.ts"
import { Lane } from "../../Lane.ts"
import { held, type LaneState, phaseOf, waitingCount } from "../LaneState.ts"
import { rankOf } from "../backlog/Rank.ts"
import { refusals } from "../TaskReceivers.ts"

interface Payload {
  readonly tasks: readonly [TaskSpec, ...Array<TaskSpec>]
}

const retryAfterMillis = 1_000

export const submit = (
  state: LaneState,
  { tasks }: Payload,
  { now }: DecideContext
): Decision<LaneEvent, ReadonlyArray<SubmitOutcome>, Overloaded> => {
  const seen = new Map<string, TaskPhase | undefined>()
  const known = tasks.map((task) => {
    const phase = seen.get(task.taskId) ?? phaseHeld(state, task)
    seen.set(task.taskId, phase ?? "pending")
    return phase
  })
  const added = known.filter((phase) => phase === undefined).length
  const { backpressure, capacity } = state.config
  const waiting = waitingCount(state)
  const isRedirected = tasks[0].lane !== state.lane
  if (waiting + added > capacity && !isRedirected && blocks(state)) {
    const message = `${waiting} tasks wait in lane ${state.lane}, which takes ${capacity}; ${added} more do not fit`
    const error = new Overloaded({ layer: layers.lane(state.lane), message, retryAfterMillis })
    return { events: [], answer: { _tag: "Failure", error }, send: refusals(state, tasks, message, retryAfterMillis) }
  }
  const intake = new Intake(state, now)
  let room = capacity - waiting
  for (const [index, task] of tasks.entries()) {
    const phase = known[index]
    if (phase !== undefined) intake.duplicate(task, phase)
    else if (room-- > 0) intake.add(task)
    else if (isRedirected) intake.fail(task)
    else if (backpressure._tag === "Redirect") intake.redirect(task, backpressure.lane)
    else intake.drop(task)
  }
  return accept(intake.events, intake.outcomes, intake.sends())
}

/** A lane whose redirect target is the lane itself blocks. */
const blocks = ({ config: { backpressure }, lane }: LaneState): boolean =>
  backpressure._tag === "Block" || (backpressure._tag === "Redirect" && backpressure.lane === lane)

const phaseHeld = (state: LaneState, { idIsNew, taskId }: TaskSpec): TaskPhase | undefined => {
  const found = idIsNew === true ? undefined : held(state, taskId)
  return found === undefined ? undefined : phaseOf(found)
}

class Intake {
  readonly events: Array<LaneEvent> = []
  readonly outcomes: Array<SubmitOutcome> = []
  readonly #redirected: Array<TaskSpec> = []
  readonly #state: LaneState
  readonly #now: number

  constructor(state: LaneState, now: number) {
    this.#state = state
    this.#now = now
  }

  duplicate(task: TaskSpec, phase: TaskPhase): void {
    this.#answer(task, "duplicate", phase)
  }

  add(task: TaskSpec): void {
    const phase = this.#submit(task)
    this.#answer(task, "accepted", phase)
  }

  fail(task: TaskSpec): void {
    const {
      config: { capacity },
      lane
    } = this.#state
    this.events.push({
      _tag: "task.failed",
      ...this.#about(task),
      error: {
        code: "LaneFull",
        message: `lane ${lane} takes ${capacity} waiting tasks and was full when lane ${task.lane} passed this one on`,
        retryable: true
      },
      refused: { task: this.#own(task), rank: this.#rank(task) }
    })
    this.#answer(task, "accepted", "failed")
  }

  drop(task: TaskSpec): void {
    this.events.push({
      _tag: "task.dropped",
      ...this.#about(task),
      reason: `lane ${this.#state.lane} takes ${this.#state.config.capacity} waiting tasks`,
      ...(task.receiver === undefined ? {} : { receiver: task.receiver })
    })
    this.#answer(task, "dropped", "cancelled")
  }

  redirect(task: TaskSpec, to: LaneName): void {
    this.#redirected.push({ ...task, lane: this.#state.lane })
    this.events.push({ _tag: "task.redirected", ...this.#about(task), to })
    this.outcomes.push({
      taskId: task.taskId,
      outcome: "redirected",
      phase: "pending",
      lane: to,
      submittedAt: this.#now
    })
  }

  sends(): ReadonlyArray<Outgoing> {
    const {
      config: { backpressure },
      tenantId
    } = this.#state
    const [first, ...rest] = this.#redirected
    if (first === undefined || backpressure._tag !== "Redirect") return []
    return [send(Lane, laneEntityId(tenantId, backpressure.lane), "Submit", { tasks: [first, ...rest] })]
  }

  #about({ taskId }: TaskSpec) {
    const { lane, tenantId } = this.#state
    return { tenantId, lane, taskId, at: this.#now }
  }

  /** The address of the lane decides to which tenant and lane a task belongs. */
  #own(task: TaskSpec): TaskSpec {
    const { lane, tenantId } = this.#state
    return { ...task, tenantId, lane }
  }

  #isScheduled({ notBefore }: TaskSpec): boolean {
    return notBefore !== undefined && notBefore > this.#now
  }

  #rank(task: TaskSpec): number {
    const since = this.#isScheduled(task) ? task.notBefore! : this.#now
    return rankOf(task.priority, since, this.#state.config.ageingMillis)
  }

  #submit(task: TaskSpec): "pending" | "scheduled" {
    const phase = this.#isScheduled(task) ? "scheduled" : "pending"
    this.events.push({
      _tag: "task.submitted",
      ...this.#about(task),
      phase,
      rank: this.#rank(task),
      task: this.#own(task)
    })
    return phase
  }

  #answer({ taskId }: TaskSpec, outcome: SubmitOutcome["outcome"], phase: TaskPhase): void {
    this.outcomes.push({ taskId, outcome, phase, lane: this.#state.lane, submittedAt: this.#now })
  }
}
