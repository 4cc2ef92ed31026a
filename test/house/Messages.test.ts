/**
 * What actors send each other must not be refused in silence: no caller waits for the answer. A refused message becomes
 * a dead one, so a command that is sent either cannot be refused, or answers a refusal by a message of its own; the
 * property tests of its actor then decide it by `ActorTest.message`.
 */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { Schema } from "effect"
import type { Rpc } from "effect/rpc"
import { Instance } from "../../src/entities/Instance.ts"
import { Lane } from "../../src/entities/Lane.ts"
import { Session } from "../../src/entities/Session.ts"
import { command } from "../../src/actor/Protocol.ts"

/** Commands that can be refused, and where their refusals are walked through. */
const answeredByMessage: Readonly<Record<string, string>> = {
  Steer: "test/entities/Instance/InstanceActor.test.ts",
  Submit: "test/entities/Lane/LaneDecisions.test.ts"
}

const root = new URL("../../", import.meta.url)

const sources = readdirSync(new URL("src/entities", root), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => readFileSync(new URL(`src/entities/${path}`, root), "utf8"))

/** `send(Entity, id, "Tag", …)` and `sendTo(ref, Tag, …)`. */
const sent = [
  ...new Set(
    sources.flatMap((source) => [
      ...[...source.matchAll(/\bsend\(\s*[A-Z]\w+,[^;]*?"([A-Z]\w+)"/g)].map(([, tag]) => tag!),
      ...[...source.matchAll(/\bsendTo\(\s*[\w.]+,\s*([A-Z]\w+)/g)].map(([, tag]) => tag!)
    ])
  )
].toSorted()

const errorOf = (rpc: Rpc.Any) => JSON.stringify(Schema.toJsonSchemaDocument((rpc as Rpc.AnyWithProps).errorSchema))

describe("a command that actors send", () => {
  it("is one of these", () => {
    assert.deepStrictEqual(sent, [
      "AbortAttempt",
      "AttemptEnded",
      "AttemptRefused",
      "Execute",
      "SlotsAsked",
      "SlotsGranted",
      "SlotsReturned",
      "SlotsRevoked",
      "Steer",
      "Submit",
      "TaskEnded",
      "TurnAsked",
      "TurnDenied",
      "TurnGranted",
      "TurnRecalled",
      "TurnReturned"
    ])
  })

  it("has no error of its own, unless it answers by message", () => {
    const plain = errorOf(command("Plain", {}))
    for (const entity of [Instance, Lane, Session]) {
      for (const [tag, rpc] of entity.protocol.requests) {
        if (!sent.includes(tag)) continue
        assert.strictEqual(errorOf(rpc) === plain, !(tag in answeredByMessage), `${entity.type} ${tag}`)
      }
    }
    for (const [tag, walk] of Object.entries(answeredByMessage))
      assert.include(readFileSync(new URL(walk, root), "utf8"), `"${tag}"`, walk)
  })
})
