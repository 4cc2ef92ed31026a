/**
 * Prints help to standard output. For an invalid command line, prints the errors and where to find help to standard
 * error.
 */
import { Console, Context, Effect } from "effect"
import { CliOutput } from "effect/cli"
import { Screen } from "./Terminal.ts"

export const presenter: CliOutput.Presenter = {
  present: Effect.fnUntraced(function* (event) {
    const formatter = CliOutput.defaultFormatter({
      colors: Context.get(yield* Effect.context<never>(), Screen).hasColour
    })
    switch (event._tag) {
      case "Help":
        return yield* Console.log(formatter.formatHelpDoc(event.helpDoc))
      case "Version":
        return yield* Console.log(`${event.name} ${event.version}`)
      case "InvalidInvocation": {
        const wrong = event.errors.map(
          ({ message }) => `clawster: ${message.replace("Expected: Schema validation failed: Expected", "Expected")}`
        )
        return yield* Console.error(
          [...wrong, `  usage: ${event.helpDoc.usage}`, `  more: ${event.commandPath.join(" ")} --help`].join("\n")
        )
      }
    }
  })
}
