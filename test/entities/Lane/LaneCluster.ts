/**
 * Lanes on the in-memory cluster with instances that do as the message says: `done` ends at once, `slow <ms>` after a
 * time, `flaky` fails its first attempt, `bad` fails for good, `hang` never ends. They take `slots` attempts and refuse
 * the rest, and the fleet's view of them never changes, so it is always behind.
 */
import { Context, Effect, Layer, Schema, Stream } from "effect"
import * as Actor from "../../../src/actor/Actor.ts"
import * as ActorLayer from "../../../src/actor/ActorLayer.ts"
import { send } from "../../../src/actor/Send.ts"
import { Fleet } from "../../../src/ports/Fleet.ts"
import { Instance } from "../../../src/entities/Instance.ts"
import { Lane } from "../../../src/entities/Lane.ts"
import * as LaneLayer from "../../../src/entities/Lane/LaneLayer.ts"
import * as MemoryTaskRows from "../../../src/entities/Lane/backlog/MemoryTaskRows.ts"
import { MemoryStore } from "../../../src/actor/memory/MemoryJournal.ts"
import { type TaskRow, taskTable } from "../../../src/entities/Lane/backlog/TaskRow.ts"
import { Attempt, type AttemptOutcome } from "../../../src/schema/runs/Attempt.ts"
import { parseInstanceEntityId } from "../../../src/schema/Ids.ts"
import { instanceStatus } from "../../fixtures/Fleet.ts"
import * as MemoryCluster from "../../fixtures/memory/MemoryCluster.ts"
import { untilAnswer } from "../../fixtures/Until.ts"

export const slots = 4
export const instances = ["i1", "i2", "i3"]

/** How often each attempt ran, and the most that ran at once on one instance. */
export class Seen extends Context.Service<
  Seen,
  {
    readonly runs: Map<string, number>
    most: number
    refused: number
  }
>()("test/Seen") {
  static readonly layer = Layer.sync(Seen, () => Seen.of({ runs: new Map(), most: 0, refused: 0 }))
}

const State = Schema.Struct({ runs: Schema.Array(Attempt) })
const Event = Schema.Union([
  Schema.TaggedStruct("fake.began", { attempt: Attempt }),
  Schema.TaggedStruct("fake.ended", { runKey: Schema.String })
])
type State = typeof State.Type
type Event = typeof Event.Type
interface Signal {
  readonly _tag: "Ended"
  readonly runKey: string
}
interface Activity {
  readonly key: string
  readonly attempt: Attempt
}

const outcomeOf = ({ message, runKey }: Attempt): AttemptOutcome => {
  const failed = (retryable: boolean): AttemptOutcome => ({
    _tag: "failed",
    error: { code: "Fake", message: "as asked", retryable }
  })
  if (message === "bad") return failed(false)
  if (message === "broken" || (message === "flaky" && runKey.endsWith(".1"))) return failed(true)
  return { _tag: "completed", result: { text: message ?? "", durationMillis: 1 } }
}

const ended = (state: State, entityId: string, runKey: string, outcome: AttemptOutcome | undefined) => {
  const attempt = state.runs.find((run) => run.runKey === runKey)
  if (attempt === undefined) return Actor.note<Event>([])
  const { instanceId } = parseInstanceEntityId(entityId)
  return Actor.note<Event>(
    [{ _tag: "fake.ended", runKey }],
    [
      send(Lane, attempt.origin.entityId, "AttemptEnded", {
        runKey,
        instanceId,
        outcome: outcome ?? outcomeOf(attempt)
      })
    ]
  )
}

const unused = () => Actor.answer(undefined as never)

const definition = (seen: Seen["Service"]) =>
  Actor.define<State, Event, Signal, Activity>()({
    entity: Instance,
    state: State,
    event: Event,
    stateVersion: 1,
    initial: () => ({ runs: [] }),
    evolve: (state, event) =>
      event._tag === "fake.began"
        ? { runs: [...state.runs, event.attempt] }
        : { runs: state.runs.filter(({ runKey }) => runKey !== event.runKey) },
    commands: {
      Register: unused,
      Update: unused,
      Start: unused,
      Stop: unused,
      Drain: unused,
      Deregister: unused,
      InstanceGet: unused,
      Steer: unused,
      SlotsAsked: unused,
      SlotsReturned: unused,
      StartAttempt: unused,
      StopAttempt: unused,
      HolderPresent: unused,
      Execute: (state, { attempt }, { entityId }) => {
        if (state.runs.length < slots) return Actor.accept<Event, void>([{ _tag: "fake.began", attempt }], undefined)
        seen.refused++
        const { instanceId } = parseInstanceEntityId(entityId)
        return Actor.accept<Event, void>([], undefined, [
          send(Lane, attempt.origin.entityId, "AttemptRefused", {
            runKey: attempt.runKey,
            instanceId,
            reason: "all slots are taken",
            retryAfterMillis: 10
          })
        ])
      },
      AbortAttempt: (state, { runKey }, { entityId }) => ended(state, entityId, runKey, { _tag: "aborted" })
    },
    signal: (state, { runKey }, { entityId }) => ended(state, entityId, runKey, undefined),
    activities: (state) => state.runs.map((attempt) => ({ key: attempt.runKey, attempt }))
  })

const FakeInstances = Layer.unwrap(
  Effect.gen(function* () {
    const seen = yield* Seen
    return ActorLayer.layer(definition(seen), {
      perform: ({ attempt: { message, runKey } }, self) =>
        Effect.gen(function* () {
          if (!seen.runs.has(runKey) || self.epoch === 1) seen.runs.set(runKey, (seen.runs.get(runKey) ?? 0) + 1)
          const { runs } = yield* self.state
          seen.most = Math.max(seen.most, runs.length)
          if (message === "hang") return yield* Effect.never
          if (message?.startsWith("slow ")) yield* Effect.sleep(Number(message.slice(5)))
          yield* Effect.ignore(self.tell({ _tag: "Ended", runKey }))
        })
    })
  })
)

const statuses = instances.map((instanceId) => instanceStatus(instanceId, { maxConcurrentTasks: slots }))

const StaleFleet = Layer.succeed(Fleet, { snapshot: Effect.succeed(statuses), changes: Stream.never })

export const layer = MemoryCluster.withActors(
  Layer.mergeAll(LaneLayer.layer, FakeInstances).pipe(Layer.provide([MemoryTaskRows.layer, StaleFleet]))
)

export const rows = Effect.map(
  MemoryStore,
  (store) => [...(store.tables.get(taskTable.name)?.values() ?? [])] as unknown as ReadonlyArray<TaskRow>
)

/** Waits until the tasks' rows are as wanted, and answers them. */
export const untilRows = (isWanted: (rows: ReadonlyArray<TaskRow>) => boolean) =>
  untilAnswer("the tasks as wanted", rows, isWanted, {
    show: (all) => all.slice(0, 20).map(({ because, error, phase, task_id }) => ({ task_id, phase, because, error }))
  })
