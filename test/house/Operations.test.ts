/** The table of public operations says of each all that an edge needs, and the command line reaches what it says. */
import { assert, describe, it } from "@effect/vitest"
import { Layer } from "effect"
import type { Command } from "effect/cli"
import { isCallable } from "../../src/cli/api/OperationCall.ts"
import * as Root from "../../src/cli/commands/root.ts"
import { everyOperation } from "../../src/rpc/operations/Operations.ts"
import * as Fixed from "./Fixed.ts"

/** What no command reaches, `clawster call` neither, and why. */
const withoutCommand: Readonly<Record<string, string>> = {
  SubmitTask: "the command submits lists of one, since the typed client has no other submit"
}

/** What REST does not serve, and why. */
const withoutRest: Readonly<Record<string, string>> = {
  FeedPosition: "every list says its position",
  FollowEvents: "the WebSocket /events serves the feed"
}

const commands = (command: Command.Command.Any, path: ReadonlyArray<string> = []): ReadonlyArray<string> => [
  path.join(" "),
  ...command.subcommands.flatMap(({ commands: of }) => of.flatMap((each) => commands(each, [...path, each.name])))
]

describe("the table of operations", () => {
  it("names each operation once, explains it, and says what may fail", () => {
    const tags = everyOperation.map(({ operation }) => operation.tag)
    assert.deepStrictEqual([...new Set(tags)], tags)
    for (const { operation } of everyOperation) {
      const { action, description, error, kind, payload, summary, tag } = operation
      assert.isAbove(summary.length, 5, tag)
      assert.isAbove(description.length, 10, tag)
      assert.isAbove(error.members.length, 2, tag)
      assert.strictEqual(action.name.endsWith(":write"), kind === "change", tag)
      assert.strictEqual("millis" in payload.fields, kind === "wait", tag)
    }
  })

  it("needs for each action the role that is fixed for it", () => {
    const roles = everyOperation.map(({ operation: { action } }) => [action.name, action.role] as const)
    for (const [name, role] of roles) assert.strictEqual(role, Fixed.actions[name], name)
    assert.sameMembers([...new Set(roles.map(([name]) => name))], Object.keys(Fixed.actions))
  })

  it("has a command for each operation, which exists, or is called by its name, or has a reason for neither", () => {
    const known = new Set(commands(Root.make(Layer.empty as never) as unknown as Command.Command.Any))
    const without = everyOperation.filter((named) => named.operation.cli === undefined && !isCallable(named))
    assert.deepStrictEqual(
      without.map(({ operation }) => operation.tag),
      Object.keys(withoutCommand)
    )
    for (const { operation } of everyOperation) {
      if (operation.cli !== undefined) assert.isTrue(known.has(operation.cli), `${operation.tag}: ${operation.cli}`)
    }
  })

  it("is served by REST, or by another way that is named", () => {
    const without = everyOperation.filter(({ operation }) => operation.rest.length === 0)
    assert.deepStrictEqual(
      without.map(({ operation }) => operation.tag),
      Object.keys(withoutRest)
    )
    for (const { operation } of everyOperation) {
      for (const { method } of operation.rest) {
        assert.strictEqual(method === "GET", operation.kind !== "change", operation.tag)
      }
    }
  })
})
