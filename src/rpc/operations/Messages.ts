/** Messages between actors that their receivers could not process. */
import { Schema } from "effect"
import { DeadMessage, DeadMessageDetail, RedeliveredMessage } from "../../schema/DeadMessage.ts"
import { pageQuery } from "../../schema/lists/Page.ts"
import { within } from "../../schema/text/Bounds.ts"
import { action } from "../Authentication.ts"
import { page } from "./Fields.ts"
import { change, noun, read } from "./Operation.ts"

const may = { read: action("message:read", "operator"), write: action("message:write", "operator") }

const Message = DeadMessage.annotate({ identifier: "DeadMessage", description: "A message that its receiver gave up." })
const number = Schema.Struct({
  number: within(1, Number.MAX_SAFE_INTEGER).annotate({ description: "As the list shows it." })
}).fields

export const Messages = noun("Messages", "Messages between actors that their receivers could not process.", {
  list: read("ListDeadMessages", {
    action: may.read,
    summary: "List dead messages",
    description: "Newest first. They are kept as long as history.",
    payload: pageQuery,
    success: page(Message, "DeadMessagePage"),
    rest: { method: "GET", path: "/messages" },
    cli: "message list"
  }),
  get: read("GetDeadMessage", {
    action: may.read,
    summary: "Get a dead message",
    description: "With its payload, of which at most 100,000 characters are shown.",
    payload: number,
    success: DeadMessageDetail.annotate({ identifier: "DeadMessageDetail" }),
    rest: { method: "GET", path: "/messages/:number" },
    cli: "message get"
  }),
  replay: change("ReplayDeadMessage", {
    action: may.write,
    summary: "Deliver a dead message again",
    description:
      "Applied once, however often it is asked. Success removes it from the list; a receiver that gives it up again keeps it under a new number. When the receiver cannot take it now, it stays.",
    payload: number,
    success: RedeliveredMessage.annotate({ identifier: "RedeliveredMessage" }),
    rest: { method: "POST", path: "/messages/:number/replay" },
    cli: "message replay"
  }),
  remove: change("RemoveDeadMessage", {
    action: may.write,
    summary: "Remove a dead message",
    description: "For good, without its being applied.",
    payload: number,
    success: Message,
    rest: { method: "DELETE", path: "/messages/:number" },
    cli: "message remove"
  })
})
