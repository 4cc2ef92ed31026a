/** What a reading means, at its bounds. */
import { assert, describe, it } from "@effect/vitest"
import { descriptorsOf, diskOf } from "../../../src/runners/doctor/MachineChecks.ts"
import * as PlacementsCheck from "../../../src/runners/doctor/PlacementsCheck.ts"
import { hostPlacement } from "../../../src/schema/Ids.ts"
import { findings } from "../../../src/runners/doctor/DatabaseChecks.ts"
import type { Diagnosis } from "../../../src/shards/health/DoctorQueries.ts"

const well: Diagnosis = {
  version: "18.1",
  database: "clawster",
  role: "clawster",
  schema: "public",
  mayCreate: true,
  isEncrypted: true,
  fsync: "on",
  mostConnections: 97,
  usedConnections: 3,
  bytes: 1,
  clockAheadMillis: 4,
  applied: 14,
  newest: 14
}

const about = { address: "db:5432", host: "db", runners: 3, each: 10 }

const levels = (change: Partial<Diagnosis>, where: Partial<typeof about> = {}) =>
  findings({ ...well, ...change }, { ...about, ...where })
    .filter(({ level }) => level !== "ok")
    .map(({ check, level }) => `${check} ${level}`)

describe("the doctor", () => {
  it("finds nothing where all is well", () => {
    assert.deepStrictEqual(levels({}), [])
  })

  it("warns of what will hurt and fails what hurts", () => {
    assert.deepStrictEqual(levels({ applied: 5 }), ["schema fail"])
    assert.deepStrictEqual(levels({ applied: 15 }), ["schema warn"])
    assert.deepStrictEqual(levels({ mayCreate: false }), ["privileges warn"])
    assert.deepStrictEqual(levels({ applied: 0, mayCreate: false }), ["schema fail", "privileges fail"])
    assert.deepStrictEqual(levels({ isEncrypted: false }), ["encryption warn"])
    assert.deepStrictEqual(levels({ isEncrypted: false }, { host: "127.0.0.1" }), [])
    assert.deepStrictEqual(levels({ fsync: "off" }), ["durability fail"])
    assert.deepStrictEqual(levels({ clockAheadMillis: -1_001 }), ["clock warn"])
    assert.deepStrictEqual(levels({ clockAheadMillis: 30_001 }), ["clock fail"])
    assert.deepStrictEqual(levels({}, { runners: 20 }), ["connections warn"])
  })

  it("warns of a placement that has instances and no runner, and tells of one that has neither", () => {
    const [a, b, c] = [hostPlacement("a"), hostPlacement("b"), hostPlacement("c")]
    const found = PlacementsCheck.findings(
      [
        { placement: a, servedWith: [a], instances: 1 },
        { placement: b, servedWith: [], instances: 2, lastSeenAt: 0 },
        { placement: c, servedWith: [], instances: 0, lastSeenAt: 60_000 }
      ],
      180_000
    )
    assert.deepStrictEqual(
      found.map(({ found, level }) => [level, found]),
      [
        ["ok", "served by live runners: host-a"],
        ["warn", "host-b has no runner since 3 min, and 2 instances"],
        ["ok", "host-c has no runner since 2 min, and no instances"]
      ]
    )
  })

  it("knows how much disk and how many descriptors are few", () => {
    const gigabyte = 1024 ** 3
    assert.strictEqual(diskOf("/h", { bytes: 2 * gigabyte, inodes: 50_000 }).level, "ok")
    assert.strictEqual(diskOf("/h", { bytes: 2 * gigabyte - 1, inodes: 50_000 }).level, "warn")
    assert.strictEqual(diskOf("/h", { bytes: 0.1 * gigabyte, inodes: 50_000 }).level, "fail")
    assert.strictEqual(diskOf("/h", { bytes: 2 * gigabyte, inodes: 999 }).level, "fail")
    assert.strictEqual(diskOf("/h", { bytes: 2 * gigabyte, inodes: 0 }).level, "ok", "file systems without inodes")
    assert.strictEqual(
      descriptorsOf("Max open files            1024                 4096                 files\n").level,
      "warn"
    )
    assert.strictEqual(
      descriptorsOf("Max open files            256                  4096                 files\n").level,
      "fail"
    )
    assert.strictEqual(
      descriptorsOf("Max open files            unlimited            unlimited            files\n").level,
      "ok"
    )
  })
})
