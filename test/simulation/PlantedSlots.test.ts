/** The checkers of slots and of fairness fire on bugs that are planted in lanes and instances, and on nothing else. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Decision } from "../../src/actor/Actor.ts"
import { InstanceActor } from "../../src/entities/Instance/InstanceActor.ts"
import type { InstanceState } from "../../src/entities/Instance/InstanceState.ts"
import { LaneActor } from "../../src/entities/Lane/LaneActor.ts"
import type { LaneState } from "../../src/entities/Lane/LaneState.ts"
import type { LaneEvent } from "../../src/schema/events/LaneEvents.ts"
import { TenantId } from "../../src/schema/Ids.ts"
import { Simulation } from "../../src/testing/index.ts"
import type * as FleetScenario from "../../src/testing/scenarios/FleetScenario.ts"
import { make, Seen } from "./scenarios/TenantsScenario.ts"

const violationsOf = (variants: FleetScenario.Variants, seed: number) =>
  Effect.map(
    Simulation.run({ ...make(new Seen(), variants), seed, duration: "12 seconds", faults: [], settleMillis: 60_000 }),
    ({ violations }) => violations
  )

/** One of three seeds shows it. */
const finds = (words: RegExp, variants: FleetScenario.Variants) =>
  Effect.gen(function* () {
    const seen: Array<string> = []
    for (let seed = 1; seed <= 3; seed++) {
      const messages = (yield* violationsOf(variants, seed)).map(({ invariant, message }) => `${invariant} ${message}`)
      if (messages.some((message) => words.test(message))) return
      seen.push(...messages)
    }
    assert.fail(`no seed of three showed ${String(words)}, but ${seen.slice(0, 5).join("; ")}`)
  })

type Lane = typeof LaneActor
type Instance = typeof InstanceActor

const lane = (change: Partial<Lane>): Lane => ({ ...LaneActor, ...change })

const withCommands = <A extends { readonly commands: object }>(actor: A, commands: Partial<A["commands"]>): A => ({
  ...actor,
  commands: { ...actor.commands, ...commands }
})

/** It gives up an attempt that takes longer than two seconds. */
const impatient = (state: LaneState, event: LaneEvent): LaneState =>
  LaneActor.evolve(state, event._tag === "task.started" ? { ...event, until: event.at + 2_000 } : event)

const withoutGivingUp = (event: LaneEvent): LaneEvent => {
  if (!("givenUp" in event)) return event
  const { givenUp: _, ...rest } = event
  return rest as LaneEvent
}

const raised = (state: InstanceState): InstanceState =>
  state.record === undefined
    ? state
    : {
        ...state,
        record: {
          ...state.record,
          spec: { ...state.record.spec, maxConcurrentTasks: state.record.spec.maxConcurrentTasks + 2 }
        }
      }

type Handler = (state: InstanceState, ...args: ReadonlyArray<any>) => Decision<any, any, any>

const generous = {
  ...InstanceActor,
  commands: Object.fromEntries(
    Object.entries(InstanceActor.commands as unknown as Record<string, Handler>).map(([tag, decide]) => [
      tag,
      (state: InstanceState, ...args: ReadonlyArray<any>) => decide(raised(state), ...args)
    ])
  ) as unknown as Instance["commands"]
} satisfies Instance

describe("the checkers of slots", () => {
  it.live(
    "find nothing without a planted bug, also where attempts are given up early",
    () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* violationsOf({}, 1), [])
        assert.deepStrictEqual(yield* violationsOf({ Lane: lane({ evolve: impatient }) }, 1), [])
      }),
    240_000
  )

  it.live("find a grant that is applied twice", () =>
    finds(/has \d+ slots of i\d, which gave it \d+/, {
      Lane: withCommands(LaneActor, {
        SlotsGranted: (state, payload, context) => {
          const decision = LaneActor.commands.SlotsGranted(state, payload, context)
          const twice = decision.events.flatMap((event): ReadonlyArray<LaneEvent> =>
            event._tag === "lane.internal_slots_granted" ? [event, event] : [event]
          )
          return { ...decision, events: twice }
        }
      })
    })
  )

  it.live("find an attempt that was given up and whose slot is used again", () =>
    finds(/spends \d+ of \d+ slots/, {
      Lane: lane({ evolve: (state, event) => impatient(state, withoutGivingUp(event)) })
    })
  )

  it.live("find an instance that grants above its cap, at the gateway too", () =>
    Effect.gen(function* () {
      yield* finds(/gives away \d+ slots, its cap is 8/, { Instance: generous })
      yield* finds(/had \d+ runs at once, its cap is 8/, { Instance: generous })
    })
  )

  it.live("find a lane that does not give back what is recalled", () =>
    finds(/did not give back a slot/, {
      Lane: withCommands(LaneActor, {
        SlotsRecalled: () => ({ events: [], send: [], answer: { _tag: "Success", value: undefined } })
      })
    })
  )
})

describe("the checkers of fairness", () => {
  it.live("find slots that are granted by age alone, whoever asks", () =>
    finds(/^fairness/, {
      Instance: withCommands(InstanceActor, {
        SlotsAsked: (state, ask, context) =>
          InstanceActor.commands.SlotsAsked(
            state,
            { ...ask, tenantId: TenantId.make("all"), rank: context.now },
            context
          )
      })
    })
  )
})
