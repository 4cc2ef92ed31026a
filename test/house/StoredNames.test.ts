/**
 * Names that are stored for ever: in shard ids, journal rows, primary keys and outboxes, held by the files of fixed/. A
 * change there orphans what is stored under the old name, so it needs a migration and a line in CHANGELOG.md.
 */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { actors } from "../../src/entities/catalog/Actors.ts"
import { eventSchemas, tagOf } from "../../src/rpc/Catalog.ts"
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
  tenantEntityId,
  TenantId
} from "../../src/schema/Ids.ts"
import { shardsPerGroup } from "../../src/shards/ClusterConfig.ts"
import cluster from "./fixed/cluster.json" with { type: "json" }
import * as Fixed from "./Fixed.ts"

const migrations = new URL("../../src/shards/migrations/", import.meta.url)

const tables = () =>
  readdirSync(migrations).flatMap((file) =>
    [...readFileSync(new URL(file, migrations), "utf8").matchAll(/CREATE (?:UNLOGGED )?TABLE (\w+)/g)].map(
      ([, name]) => name!
    )
  )

describe("StoredNames", () => {
  it("keeps the entity types and the tags of their commands", () => {
    const commands = Object.entries(actors).map(([name, { definition }]) => {
      assert.strictEqual(definition.entity.type, name)
      return [name, [...definition.entity.protocol.requests.keys()].toSorted()]
    })
    assert.deepStrictEqual(Object.fromEntries(commands), Fixed.ofActors("commands"))
  })

  it("keeps the tags of the events that journals hold: one may be added, here too, none renamed or removed", () => {
    const tags = eventSchemas.map(([type, events]) => [type, events.map(tagOf).toSorted()])
    assert.deepStrictEqual(Object.fromEntries(tags), Fixed.ofActors("events"))
  })

  it("keeps the shard count and the names of placements, which are in every shard id", () => {
    assert.strictEqual(shardsPerGroup, cluster.shardsPerGroup)
    assert.deepStrictEqual([defaultPlacement, hostPlacement("Host_1"), regionPlacement("eu-1")], cluster.placements)
  })

  it("builds entity ids and gateway session keys as it always did", () => {
    const tenant = TenantId.make("Acme-1")
    const session = SessionId.make("s_1")
    assert.deepStrictEqual(
      {
        instance: instanceEntityId(defaultPlacement, InstanceId.make("i1")),
        lane: laneEntityId(tenant, LaneName.make("main")),
        session: sessionEntityId(tenant, session),
        tenant: tenantEntityId(tenant),
        gateway: gatewaySessionKey(tenant, session)
      },
      cluster.ids
    )
  })

  it("keeps the names of its tables, all with the one prefix", () => {
    const names = tables()
    assert.sameMembers(names, Fixed.tables)
    assert.deepStrictEqual(
      names.filter((name) => !name.startsWith(cluster.tablePrefix)),
      []
    )
  })
})
