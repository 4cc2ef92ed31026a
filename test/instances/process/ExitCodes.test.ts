import { assert, describe, it } from "@effect/vitest"
import { exitMeaning } from "../../../src/instances/process/ExitCodes.ts"

/** As the gateway was seen to write them. */
const lines = {
  stateInUse: [
    "Doctor could not enter maintenance. StateDatabaseCoordinatorContentionError: another OpenClaw process owns " +
      "gateway-lifecycle Stop the Gateway service"
  ],
  refused: ["Refusing to bind gateway to auto without auth."],
  portInUse: [
    "Gateway failed to start: another gateway instance is already listening on ws://127.0.0.1:19700 | listen EADDRINUSE",
    "Port 19700 is already in use."
  ]
}

describe("exit codes of a gateway process", () => {
  const cases = [
    [78, lines.stateInUse, false, "StateInUse", true],
    [78, lines.refused, false, "ConfigurationRefused", false],
    [78, [], true, "ConfigurationRefused", false],
    [1, lines.portInUse, false, "PortInUse", true],
    [1, ["TypeError: x is not a function"], false, "LaunchFailed", true],
    [1, ["TypeError: x is not a function"], true, "NotRunning", true],
    [0, [], true, "NotRunning", true],
    [0, [], false, "LaunchFailed", true],
    [137, [], true, "NotRunning", true],
    [undefined, [], true, "NotRunning", true],
    [undefined, [], false, "LaunchFailed", true]
  ] as const
  for (const [exitCode, last, started, reason, retryable] of cases) {
    const when = started ? "after the start" : "before the start"
    it(`takes ${exitCode} ${when} with ${last.length} lines for ${reason}`, () => {
      const meaning = exitMeaning({ exitCode }, last, started)
      assert.deepStrictEqual([meaning.reason, meaning.retryable], [reason, retryable])
    })
  }

  it("tells the last lines without colours, bounded", () => {
    const long = Array.from({ length: 100 }, (_, index) => `\u001b[31mline ${index}\u001b[39m ${"x".repeat(500)}`)
    const { message } = exitMeaning({ exitCode: 3 }, long, false)
    assert.notInclude(message, "\u001b")
    assert.include(message, "line 99")
    assert.notInclude(message, "line 50")
    assert.isBelow(message.length, 2_200)
  })

  it("names the signal", () => {
    assert.include(exitMeaning({ exitCode: 139 }, [], true).message, "signal 11")
  })
})
