import { Effect } from "effect"
import { Command } from "effect/cli"
import type { RunnerStatus, UnservedPlacement } from "../../schema/ClusterStatus.ts"
import { Api } from "../api/Api.ts"
import type { Screen } from "../Terminal.ts"
import { age, bytes, colourOf, show, span } from "../Print.ts"
import { table } from "../TextTable.ts"

const descriptorsOf = ({ descriptors }: RunnerStatus): string | undefined =>
  descriptors === undefined ? undefined : `${descriptors.open}/${descriptors.most}`

const remaining = (until: number | undefined, now: number): string | undefined =>
  until === undefined ? undefined : span(Math.max(0, until - now))

const unservedTable = (unserved: ReadonlyArray<UnservedPlacement>, now: number, screen: Screen) =>
  table<UnservedPlacement>(
    [
      { title: "NO RUNNER", value: ({ placement }) => placement, colour: () => "red" },
      { title: "INSTANCES", value: ({ instances }) => instances },
      { title: "LAST SEEN", value: ({ lastSeenAt }) => age(lastSeenAt, now) },
      { title: "FORGOTTEN IN", value: ({ forgottenAt }) => remaining(forgottenAt, now) }
    ],
    unserved,
    screen
  )

export const runners = Command.make(
  "runners",
  {},
  Effect.fnUntraced(function* () {
    const api = yield* Api
    yield* show(yield* api.system.runners({}), ({ items, unserved = [] }, { now, screen }) => {
      const registered = table<RunnerStatus>(
        [
          { title: "RUNNER", value: ({ address }) => address },
          { title: "STATE", value: ({ state }) => state, colour: ({ state }) => colourOf(state) },
          { title: "HOST", value: ({ hostName }) => hostName },
          { title: "PLACEMENTS", value: ({ placements }) => placements.join(", ") },
          { title: "VERSION", value: ({ version }) => version },
          { title: "UP", value: ({ startedAt }) => age(startedAt, now) },
          { title: "LEASE", value: ({ leaseMillis }) => span(Math.max(0, leaseMillis)) },
          { title: "SHARDS", value: ({ shards }) => shards },
          { title: "ACTORS", value: ({ resident }) => resident },
          { title: "FILES", value: descriptorsOf },
          { title: "LAG", value: ({ lagMillis }) => span(lagMillis) },
          { title: "MEMORY", value: ({ rssBytes }) => bytes(rssBytes) },
          { title: "NOTE", value: ({ cause }) => cause }
        ],
        items,
        screen
      )
      return unserved.length === 0 ? registered : `${registered}\n\n${unservedTable(unserved, now, screen)}`
    })
  })
).pipe(Command.withDescription("List the runners: leases, shards, what they hold, why one does not serve"))

export const shards = Command.make(
  "shards",
  {},
  Effect.fnUntraced(function* () {
    const api = yield* Api
    yield* show(yield* api.system.shards({}), ({ items }, { now, screen }) =>
      table(
        [
          { title: "PLACEMENT", value: ({ placement }) => placement },
          {
            title: "OWNER",
            value: ({ isServed, owner }) => owner ?? (isServed === false ? "no runner" : "nobody"),
            colour: ({ owner }) => (owner === undefined ? "red" : undefined)
          },
          { title: "SHARDS", value: ({ shards }) => shards },
          { title: "EPOCH", value: ({ epoch }) => epoch },
          { title: "SINCE", value: ({ since }) => age(since, now) }
        ],
        items,
        screen
      )
    )
  })
).pipe(Command.withDescription("List who owns the shards of each placement, and which nobody does"))
