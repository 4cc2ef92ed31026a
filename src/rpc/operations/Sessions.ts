/** Sessions: conversations with one gateway each, and their turns. */
import { SessionId } from "../../schema/Ids.ts"
import { OutputPart } from "../../schema/runs/Output.ts"
import { pageQuery } from "../../schema/lists/Page.ts"
import { SessionStatus, TurnStatus } from "../../schema/Session.ts"
import { action } from "../Authentication.ts"
import {
  AbortSession,
  CreateSession,
  MoveSession,
  SendTurn,
  SteerSession,
  TurnId,
  WaitMillis,
  waitMost
} from "../Requests.ts"
import { list, page, partPlace, plainText, tenant } from "./Fields.ts"
import { change, noun, read, wait } from "./Operation.ts"

const may = { read: action("session:read", "tenant"), write: action("session:write", "tenant") }

const Session = SessionStatus.annotate({ identifier: "Session", description: "A conversation with one gateway." })
const Turn = TurnStatus.annotate({ identifier: "Turn", description: "One message of a session and its answer." })
const session = { sessionId: SessionId, ...tenant }
const turn = { ...session, turnId: TurnId }

export const Sessions = noun("Sessions", "Conversations, and their turns.", {
  create: change("CreateSession", {
    action: may.write,
    summary: "Create a session",
    description:
      "Creating the same session again returns it unchanged; with other hints or another label it is a conflict.",
    payload: CreateSession.fields,
    success: Session,
    rest: { method: "POST", path: "/sessions", status: 201, body: CreateSession },
    cli: "session create"
  }),
  list: read("ListSessions", {
    action: may.read,
    summary: "List sessions",
    description: "With their last five turns, shortened.",
    payload: list,
    success: page(Session, "SessionPage"),
    rest: { method: "GET", path: "/sessions" },
    cli: "session list"
  }),
  get: read("GetSession", {
    action: may.read,
    summary: "Get a session",
    description: "With its last 20 turns.",
    payload: session,
    success: Session,
    rest: { method: "GET", path: "/sessions/:sessionId" },
    cli: "session get"
  }),
  send: change("SendTurn", {
    action: may.write,
    summary: "Send a turn",
    description: "Accepted means durable. Turns of a session run one at a time, in the order accepted.",
    payload: { ...session, ...SendTurn.fields },
    success: Turn,
    rest: { method: "POST", path: "/sessions/:sessionId/turns", status: 202, body: SendTurn },
    cli: "session send"
  }),
  turns: read("ListTurns", {
    action: may.read,
    summary: "List turns",
    description: "Newest first, as long as tasks are kept.",
    payload: { ...session, ...pageQuery },
    success: page(Turn, "TurnPage"),
    rest: { method: "GET", path: "/sessions/:sessionId/turns" }
  }),
  turn: read("GetTurn", {
    action: may.read,
    summary: "Get a turn",
    description: "One that waits or runs, or has ended no longer ago than tasks are kept.",
    payload: turn,
    success: Turn,
    rest: { method: "GET", path: "/sessions/:sessionId/turns/:turnId" }
  }),
  /** Fails with `NotFound` also while the turn has not completed. */
  turnResult: read("TurnResult", {
    action: may.read,
    summary: "Get a turn's result",
    description: "The whole text, as the model gave it, however long; a turn shows only the beginning of a long one.",
    payload: { ...turn, from: partPlace },
    success: OutputPart,
    rest: { method: "GET", path: "/sessions/:sessionId/turns/:turnId/result", omitted: ["from"], text: plainText },
    cli: "session result"
  }),
  waitTurn: wait("WaitTurn", {
    action: may.read,
    summary: "Wait for a turn",
    description: "Answers when it has ended, or as it is when the time is over.",
    payload: { ...turn, millis: WaitMillis },
    success: Turn,
    rest: { method: "GET", path: "/sessions/:sessionId/turns/:turnId/wait", absent: { millis: waitMost } },
    cli: "session send"
  }),
  steer: change("SteerSession", {
    action: may.write,
    summary: "Steer a session",
    description:
      "A message for the running turn: `steer` joins it, `interrupt` aborts it and runs next, `collect` and `followup` run after it.",
    payload: { ...session, ...SteerSession.fields },
    success: Turn,
    rest: { method: "POST", path: "/sessions/:sessionId/steer", status: 202, body: SteerSession },
    cli: "session steer"
  }),
  abort: change("AbortSession", {
    action: may.write,
    summary: "Abort turns",
    description: "The running turn; with `queued` those that wait, too.",
    payload: { ...session, ...AbortSession.fields },
    success: Session,
    rest: { method: "POST", path: "/sessions/:sessionId/abort", status: 202, body: AbortSession },
    cli: "session abort"
  }),
  move: change("MoveSession", {
    action: may.write,
    summary: "Move a session",
    description:
      "The next turn that starts goes to that instance, or to any other; one that runs ends where it is. What was said so far stays at the old gateway.",
    payload: { ...session, ...MoveSession.fields },
    success: Session,
    rest: { method: "POST", path: "/sessions/:sessionId/move", status: 202, body: MoveSession },
    cli: "session move"
  }),
  terminate: change("TerminateSession", {
    action: may.write,
    summary: "Terminate a session",
    description: "Aborts its turns, then closes it for good.",
    payload: session,
    success: Session,
    rest: { method: "DELETE", path: "/sessions/:sessionId", status: 202 },
    cli: "session terminate"
  })
})
