/** Runs the command line in this process, over a fake API, and keeps what it prints. */
import { NodeServices } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { ProcessLauncher } from "../../src/cli/ProcessLauncher.ts"
import { run } from "../../src/cli/Invocation.ts"
import { plain, Screen } from "../../src/cli/Terminal.ts"
import * as FakeApi from "./FakeApi.ts"

export interface Outcome {
  readonly exitCode: number
  readonly out: string
  readonly err: string
  readonly asked: ReadonlyArray<FakeApi.Asked>
  readonly isHandedOver: boolean
}

const text = (parts: ReadonlyArray<unknown>) => `${parts.join(" ")}\n`

export const cli = (
  line: ReadonlyArray<string>,
  fake: FakeApi.Fake = {},
  screen: Screen = plain
): Effect.Effect<Outcome> => {
  const api = FakeApi.make(fake)
  let [out, err, isHandedOver] = ["", "", false]
  const console = {
    ...globalThis.console,
    log: (...parts: ReadonlyArray<unknown>) => void (out += text(parts)),
    error: (...parts: ReadonlyArray<unknown>) => void (err += text(parts))
  }
  return run(
    api.layer,
    "1.2.3"
  )(line).pipe(
    Effect.provideService(Console.Console, console),
    Effect.provideService(Screen, screen),
    Effect.provideService(ProcessLauncher, { to: () => Effect.sync(() => (isHandedOver = true)) }),
    Effect.provide(NodeServices.layer),
    Effect.map((exitCode) => ({ exitCode, out, err, asked: api.asked, isHandedOver }))
  )
}
