import { Effect, Option } from "effect"
import { Command } from "effect/cli"
import type { InstanceStatus } from "../../schema/Instance.ts"
import type { LaneStatus } from "../../schema/Lane.ts"
import { Api } from "../api/Api.ts"
import { follow } from "../api/Follow.ts"
import * as Input from "../Input.ts"
import { showFields } from "../Print.ts"
import { Tenant } from "../GlobalFlags.ts"

/** Maximum number of pages read per list. The counts of a larger fleet are lower bounds. */
const pagesMost = 20

/** The items of a list, read page by page. */
const everything = Effect.fnUntraced(function* <A, E, R>(
  read: (after: string | undefined) => Effect.Effect<{ readonly items: ReadonlyArray<A>; readonly next?: string }, E, R>
) {
  let page = yield* read(undefined)
  const items = [...page.items]
  for (let pages = 1; page.next !== undefined && pages < pagesMost; pages++) {
    page = yield* read(page.next)
    items.push(...page.items)
  }
  return items
})

const count = <A>(items: ReadonlyArray<A>, of: (item: A) => string): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const item of items) counts[of(item)] = (counts[of(item)] ?? 0) + 1
  return counts
}

const words = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .map(([name, of]) => `${of} ${name}`)
    .join(", ") || "none"

const totals = (lanes: ReadonlyArray<LaneStatus>) => {
  const sum = (of: (lane: LaneStatus) => number) => lanes.reduce((total, lane) => total + of(lane), 0)
  return {
    pending: sum(({ pending }) => pending),
    scheduled: sum(({ scheduled }) => scheduled),
    running: sum(({ running }) => running),
    completed: sum(({ completed }) => completed),
    failed: sum(({ failed }) => failed),
    cancelled: sum(({ cancelled }) => cancelled),
    "dead lettered": sum(({ deadLettered }) => deadLettered)
  }
}

const slots = (instances: ReadonlyArray<InstanceStatus>) =>
  `${instances.reduce((sum, { load }) => sum + load.runningTasks, 0)} of ${instances.reduce(
    (sum, { maxConcurrentTasks }) => sum + maxConcurrentTasks,
    0
  )} in use`

export const status = Command.make(
  "status",
  { watch: Input.watch },
  Effect.fnUntraced(function* ({ watch }) {
    const api = yield* Api
    const tenantId = Option.getOrUndefined(yield* Tenant)
    const { name, role, tenantId: own } = yield* api.system.me({})
    const { position } = yield* api.system.position({})
    const instances = yield* everything((after) => api.instances.list({ tenantId, after, limit: 1_000 }))
    const lanes = yield* everything((after) => api.lanes.list({ tenantId, after, limit: 1_000 }))
    /** Only operators may read the runners; with other keys they are omitted. */
    const runners = yield* api.system.runners({}).pipe(
      Effect.map(({ items }) => items),
      Effect.catchTag("Forbidden", () => Effect.undefined)
    )
    const overview = {
      gateway: yield* api.url,
      caller: { name, role, ...Input.given({ tenantId: own }) },
      ...(runners === undefined ? {} : { runners: count(runners, ({ state }) => state) }),
      instances: count(instances, ({ health }) => health),
      lanes: lanes.length,
      tasks: totals(lanes)
    }
    const worst = instances.some(({ health }) => health === "unhealthy" || health === "unknown")
      ? ("red" as const)
      : undefined
    yield* showFields(overview, (shown) => [
      ["gateway", shown.gateway],
      ["you are", `${name}, ${role}${own === undefined ? "" : ` of ${own}`}`],
      ...(shown.runners === undefined
        ? []
        : [
            [
              "runners",
              words(shown.runners),
              runners!.every(({ state }) => state === "serving") ? undefined : "red"
            ] as const
          ]),
      ["instances", words(shown.instances), worst],
      ["slots", slots(instances)],
      ["lanes", shown.lanes],
      ["tasks", words(Object.fromEntries(Object.entries(shown.tasks).filter(([, of]) => of > 0)))]
    ])
    if (watch)
      yield* follow({ after: position, wanted: ({ type }) => !type.endsWith("_progress") && type !== "task.progress" })
  })
).pipe(Command.withDescription("Show how the cluster is: instances, lanes, tasks"))
