/**
 * Names that are stored for ever: in shard ids, journal rows, primary keys and outboxes. A change here orphans what is
 * stored under the old name, so it needs a migration and a line in CHANGELOG.md.
 */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { Instance } from "../../src/entities/Instance.ts"
import { Lane } from "../../src/entities/Lane.ts"
import { Session } from "../../src/entities/Session.ts"
import {
  defaultPlacement,
  gatewaySessionKey,
  hostPlacement,
  InstanceId,
  instanceEntityId,
  laneEntityId,
  LaneName,
  regionPlacement,
  sessionEntityId,
  SessionId,
  TenantId
} from "../../src/schema/Ids.ts"
import { InstanceEvent } from "../../src/schema/events/InstanceEvents.ts"
import { LaneEvent } from "../../src/schema/events/LaneEvents.ts"
import { SessionEvent } from "../../src/schema/events/SessionEvents.ts"
import { shardsPerGroup } from "../../src/shards/ClusterConfig.ts"
import golden from "./stored-names.json" with { type: "json" }

const entities = { Instance, Lane, Session }
const events = { Instance: InstanceEvent, Lane: LaneEvent, Session: SessionEvent }
const migrations = new URL("../../src/shards/migrations/", import.meta.url)

const tagsOf = (event: { readonly members: ReadonlyArray<{ readonly fields: { readonly _tag: unknown } }> }) =>
  event.members.map(({ fields }) => (fields._tag as { readonly schema: { readonly literal: string } }).schema.literal)

const tables = () =>
  readdirSync(migrations).flatMap((file) =>
    [...readFileSync(new URL(file, migrations), "utf8").matchAll(/CREATE (?:UNLOGGED )?TABLE (\w+)/g)].map(
      ([, name]) => name!
    )
  )

describe("StoredNames", () => {
  it("keeps the entity types and the tags of their commands", () => {
    for (const [name, entity] of Object.entries(entities)) assert.strictEqual(entity.type, name)
    assert.deepStrictEqual(
      Object.fromEntries(
        Object.entries(entities).map(([name, { protocol }]) => [name, [...protocol.requests.keys()].toSorted()])
      ),
      golden.commands
    )
  })

  it("keeps the tags of the events that journals hold: one may be added, here too, none renamed or removed", () => {
    for (const [name, event] of Object.entries(events)) {
      const tags = tagsOf(event)
      assert.deepStrictEqual(tags.toSorted(), golden.events[name as keyof typeof events], name)
    }
  })

  it("keeps the shard count and the names of placements, which are in every shard id", () => {
    assert.strictEqual(shardsPerGroup, golden.shardsPerGroup)
    assert.deepStrictEqual([defaultPlacement, hostPlacement("Host_1"), regionPlacement("eu-1")], golden.placements)
  })

  it("builds entity ids and gateway session keys as it always did", () => {
    const tenant = TenantId.make("Acme-1")
    const session = SessionId.make("s_1")
    assert.deepStrictEqual(
      {
        instance: instanceEntityId(defaultPlacement, InstanceId.make("i1")),
        lane: laneEntityId(tenant, LaneName.make("main")),
        session: sessionEntityId(tenant, session),
        gateway: gatewaySessionKey(tenant, session)
      },
      golden.ids
    )
  })

  it("keeps the names of its tables, all with the one prefix", () => {
    const names = tables()
    assert.sameMembers(names, golden.tables)
    assert.deepStrictEqual(
      names.filter((name) => !name.startsWith(golden.tablePrefix)),
      []
    )
  })
})
