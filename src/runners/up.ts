/** `clawster up`: runs the whole stack on this machine until Ctrl-C. */
import { Effect } from "effect"
import * as EnvironmentCheck from "./settings/EnvironmentCheck.ts"
import * as Options from "./up/UpOptions.ts"
import * as Stack from "./up/Stack.ts"
import { say } from "./up/StepProgress.ts"

const greeting = (url: string, apiKey: string) => `
  Clawster is up.

    REST        ${url}/api/v1
    reference   ${url}/docs
    events      ${url.replace(/^http/, "ws")}/events
    health      ${url}/health
    API key     ${apiKey}

  Try:

    npm run clawster -- task submit "Say hello" --wait
    npm run clawster -- status
    curl -H "authorization: Bearer ${apiKey}" -H "content-type: application/json" \\
      -d '{"payload":{"message":"Say hello"}}' "${url}/api/v1/tasks?wait=30000"

  Ctrl-C stops everything in order.
`

export const run = (given: Partial<Options.UpOptions> = {}) =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* EnvironmentCheck.refuse("up")
      yield* say("\n  Clawster\n")
      yield* EnvironmentCheck.tellUnknown
      yield* Effect.addFinalizer(() => say("  stopped"))
      const { apiKey, url } = yield* Stack.start(yield* Options.complete(given))
      yield* say(greeting(url, apiKey))
      yield* Effect.addFinalizer(() => say("\n  stopping: gateways, HTTP, runners, PostgreSQL"))
      return yield* Effect.never
    })
  )
