/**
 * Splits mail whose commit the store refused for its content, and handles a part that is refused on its own:
 *
 * - a command fails permanently, with `InvalidInput`;
 * - a message is kept as a dead one (DeadMessageRow.ts), because its sender would send the same again;
 * - a told message is dropped;
 * - a signal's activity dies, and is restarted by its own schedule;
 * - a timer is postponed (Setbacks.ts).
 */
import { Cause, Exit } from "effect"
import { InvalidInput } from "../../schema/Errors.ts"
import type { CommitFailed } from "../Journal.ts"
import type { Mail } from "../runtime/Mailbox.ts"
import type { Setbacks } from "./Setbacks.ts"

interface Parts {
  readonly parts: ReadonlyArray<Mail>
  /** Whether the parts that are left must not be decided: a message before them is to be sent again. */
  readonly isOver: () => boolean
  /** Call it when all parts have been decided. */
  readonly answer: () => void
}

/** `due`: keys of the timers that are due. */
export const apart = (mail: Mail, due: ReadonlyArray<string>): Parts => {
  if (mail._tag === "Request" || mail._tag === "Signal") return { parts: [mail], isOver: () => false, answer: () => {} }
  let failure: Exit.Exit<unknown, unknown> | undefined
  const resume = (exit: Exit.Exit<unknown, unknown>): void => {
    if (Exit.isFailure(exit)) failure ??= exit
  }
  const answer = () => mail.resume(failure ?? Exit.void)
  if (mail._tag === "Due") {
    return { parts: due.map((only) => ({ _tag: "Due", only, resume })), isOver: () => false, answer }
  }
  const parts: ReadonlyArray<Mail> =
    mail._tag === "Told"
      ? mail.messages.map((message) => ({ ...mail, messages: [message], resume }))
      : mail.messages.map((message) => ({ ...mail, messages: [message], resume }))
  return { parts, isOver: () => failure !== undefined, answer }
}

const invalid = ({ message }: CommitFailed) =>
  new InvalidInput({
    message: `the store cannot hold what this request says; nothing was stored: ${message}`,
    faults: [{ path: "", expected: "values that the store can hold" }]
  })

export const refusalOf = (mail: Mail, failure: CommitFailed, now: number, setbacks: Setbacks): void => {
  const cause = Cause.fail(failure)
  switch (mail._tag) {
    case "Request":
      setbacks.tell({ what: `command ${mail.tag}`, becomes: "its caller was told so", cause })
      return mail.resume(Exit.fail(invalid(failure)))
    case "Delivery":
      for (const { id, tag } of mail.messages)
        setbacks.tell({ what: `message ${tag} ${id}`, becomes: "the store cannot keep it: it is lost", cause })
      return
    case "Told":
      for (const { tag } of mail.messages)
        setbacks.tell({ what: `told message ${tag}`, becomes: "it is dropped", cause })
      return
    case "Signal":
      setbacks.tell({ what: `signal ${mail.signal._tag}`, becomes: "its activity is tried again", cause })
      return mail.resume(Exit.die(failure))
    case "Due":
      if (mail.only !== undefined) setbacks.putOff(mail.only, now, cause)
      return
  }
}
