import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { TestClock } from "effect/testing"
import type { Commit } from "../../../src/actor/Journal.ts"
import { WriteFailed } from "../../../src/shards/journal/WriteBatcher.ts"
import * as GroupCommit from "../../../src/shards/journal/GroupCommit.ts"
import { claimKey } from "../../../src/shards/journal/GroupCommit.ts"

const commit = (entityId: string, epoch: number): Commit => ({
  address: { entityType: "Case", entityId, shardId: "default:1" },
  epoch,
  entries: [],
  outbox: [],
  rows: []
})

/** A store whose shard is at epoch 4; keeps what it wrote. */
const store = () => {
  const written: Array<Commit> = []
  const write: GroupCommit.WriteGroup = (commits) =>
    Effect.sync(() => {
      const claims = commits.map(({ address, epoch }) => ({ shardId: address.shardId, epoch }))
      const valid = claims.filter(({ epoch }) => epoch === 4).map(claimKey)
      if (valid.length === claims.length) written.push(...commits)
      return new Set(valid)
    })
  return { written, write }
}

describe("GroupCommit", () => {
  it.effect("refuses a commit under a lost epoch that shares its group with one under the shard's new epoch", () =>
    Effect.gen(function* () {
      const { write, written } = store()
      const append = yield* GroupCommit.make(write)
      const outcomes = yield* Effect.all(
        [Effect.result(append(commit("stale", 3))), Effect.result(append(commit("current", 4)))],
        { concurrency: 2 }
      )
      assert.deepStrictEqual(
        outcomes.map((outcome) => Result.isSuccess(outcome)),
        [false, true]
      )
      assert.deepStrictEqual(
        written.map(({ address }) => address.entityId),
        ["current"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("writes large commits of one moment in two statements, which a store can take side by side", () =>
    Effect.gen(function* () {
      const groups: Array<ReadonlyArray<string>> = []
      const append = yield* GroupCommit.make((commits) => {
        groups.push(commits.map(({ address }) => address.entityId))
        return Effect.never
      })
      const row = {
        table: { name: "case", key: ["id"], columns: { id: "int" } },
        op: "insert",
        row: { id: 1 }
      } as const
      const large = (entityId: string) => ({ ...commit(entityId, 4), rows: Array.from({ length: 600 }, () => row) })
      const waiting = yield* Effect.forkChild(
        Effect.forEach(["a", "b", "c", "d"], (id) => append(large(id)), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(groups, [
        ["a", "b"],
        ["c", "d"]
      ])
      waiting.interruptUnsafe()
    }).pipe(Effect.scoped)
  )

  it.effect("does not wait for ever for a store that never answers, also when it writes one by one", () =>
    Effect.gen(function* () {
      let asked = 0
      const append = yield* GroupCommit.make(() =>
        ++asked === 1 ? Effect.fail(new WriteFailed({ reason: "Conflict", message: "taken" })) : Effect.never
      )
      const answers = yield* Effect.forkChild(
        Effect.all([Effect.flip(append(commit("a", 4))), Effect.flip(append(commit("b", 4)))], { concurrency: 2 })
      )
      yield* TestClock.adjust("30 seconds")
      const exit = answers.pollUnsafe()
      assert.deepStrictEqual(exit?._tag === "Success" && exit.value.map(({ reason }) => reason), ["InDoubt", "InDoubt"])
    }).pipe(Effect.scoped)
  )
})
