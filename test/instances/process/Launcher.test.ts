import { assert, describe, it } from "@effect/vitest"
import { launchCommands } from "../../../src/instances/process/Launcher.ts"

const has =
  (...programs: ReadonlyArray<string>) =>
  (path: string) =>
    programs.includes(path)

describe("Launcher", () => {
  it("takes the configured command and nothing else", () => {
    const commands = launchCommands({ command: ["my-gateway", "--x"], managed: ["node", "openclaw.mjs"], path: "/bin" })
    assert.deepStrictEqual(commands, [["my-gateway", "--x"]])
  })

  it("takes the managed install before what is on PATH", () => {
    const commands = launchCommands(
      { managed: ["node", "o.mjs", "gateway", "run"], path: "/bin" },
      has("/bin/openclaw")
    )
    assert.deepStrictEqual(commands, [["node", "o.mjs", "gateway", "run"]])
  })

  it("tries the variants in order, each where PATH has it first", () => {
    const isProgram = has("/b/openclawd", "/a/openclaw", "/b/openclaw")
    assert.deepStrictEqual(launchCommands({ path: "/a:/b" }, isProgram), [
      ["/b/openclawd", "gateway", "run"],
      ["/a/openclaw", "gateway", "run"]
    ])
    assert.deepStrictEqual(launchCommands({ path: "/a:/b", variants: ["openclaw", "openclawd"] }, isProgram), [
      ["/a/openclaw", "gateway", "run"],
      ["/b/openclawd", "gateway", "run"]
    ])
  })

  it("has nothing to try where nothing is installed", () => {
    assert.deepStrictEqual(launchCommands({ path: "" }), [])
  })
})
