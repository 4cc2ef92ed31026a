import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import {
  AbortSession,
  CreateSession,
  MoveSession,
  SendTurn,
  SteerSession,
  TurnId,
  WaitMillis
} from "../../rpc/Requests.ts"
import { SessionId } from "../../schema/Ids.ts"
import { pageOf } from "../../schema/Page.ts"
import { SessionStatus, TurnStatus } from "../../schema/Session.ts"
import { keyHeader, listQuery, resultText, tenantQuery } from "./Common.ts"
import { Authenticate, Authorise, endpoint } from "./HttpAuthentication.ts"
import { changeProblems, readProblems } from "./Problem.ts"

const Session = SessionStatus.annotate({ identifier: "Session", description: "A conversation with one gateway." })
const Turn = TurnStatus.annotate({ identifier: "Turn", description: "One message of a session and its answer." })
const params = { sessionId: SessionId }
const turnParams = { sessionId: SessionId, turnId: TurnId }
const change = { params, headers: keyHeader, query: tenantQuery, error: changeProblems }

const create = HttpApiEndpoint.post("create", "/sessions", {
  headers: keyHeader,
  payload: CreateSession,
  success: Session.pipe(HttpApiSchema.status(201)),
  error: changeProblems
}).annotateMerge(
  endpoint(
    "session:write",
    "Create a session",
    "Creating the same session again returns it unchanged; with other hints or another label it is a conflict."
  )
)

const list = HttpApiEndpoint.get("list", "/sessions", {
  query: listQuery,
  success: pageOf(Session).annotate({ identifier: "SessionPage" }),
  error: readProblems
}).annotateMerge(endpoint("session:read", "List sessions", "With their last five turns, shortened."))

const get = HttpApiEndpoint.get("get", "/sessions/:sessionId", {
  params,
  query: tenantQuery,
  success: Session,
  error: readProblems
}).annotateMerge(endpoint("session:read", "Get a session", "With its last 20 turns."))

const send = HttpApiEndpoint.post("send", "/sessions/:sessionId/turns", {
  ...change,
  payload: SendTurn,
  success: Turn.pipe(HttpApiSchema.status(202))
}).annotateMerge(
  endpoint(
    "session:write",
    "Send a turn",
    "Accepted means durable. Turns of a session run one at a time, in the order accepted."
  )
)

const turn = HttpApiEndpoint.get("turn", "/sessions/:sessionId/turns/:turnId", {
  params: turnParams,
  query: tenantQuery,
  success: Turn,
  error: readProblems
}).annotateMerge(
  endpoint("session:read", "Get a turn", "One that waits or runs, or has ended no longer ago than tasks are kept.")
)

const turns = HttpApiEndpoint.get("turns", "/sessions/:sessionId/turns", {
  params,
  query: listQuery,
  success: pageOf(Turn).annotate({ identifier: "TurnPage" }),
  error: readProblems
}).annotateMerge(endpoint("session:read", "List turns", "Newest first, as long as tasks are kept."))

const result = HttpApiEndpoint.get("turnResult", "/sessions/:sessionId/turns/:turnId/result", {
  params: turnParams,
  query: tenantQuery,
  success: resultText,
  error: readProblems
}).annotateMerge(
  endpoint(
    "session:read",
    "Get a turn's result",
    "The whole text, as the model gave it, however long; a turn shows only the beginning of a long one."
  )
)

const waitTurn = HttpApiEndpoint.get("waitTurn", "/sessions/:sessionId/turns/:turnId/wait", {
  params: turnParams,
  query: { ...tenantQuery, millis: Schema.optionalKey(WaitMillis) },
  success: Turn,
  error: readProblems
}).annotateMerge(
  endpoint("session:read", "Wait for a turn", "Answers when it has ended, or as it is when the time is over.")
)

const steer = HttpApiEndpoint.post("steer", "/sessions/:sessionId/steer", {
  ...change,
  payload: SteerSession,
  success: Turn.pipe(HttpApiSchema.status(202))
}).annotateMerge(
  endpoint(
    "session:write",
    "Steer a session",
    "A message for the running turn: `steer` joins it, `interrupt` aborts it and runs next, `collect` and `followup` run after it."
  )
)

const abort = HttpApiEndpoint.post("abort", "/sessions/:sessionId/abort", {
  ...change,
  payload: AbortSession,
  success: Session.pipe(HttpApiSchema.status(202))
}).annotateMerge(endpoint("session:write", "Abort turns", "The running turn; with `queued` those that wait, too."))

const move = HttpApiEndpoint.post("move", "/sessions/:sessionId/move", {
  ...change,
  payload: MoveSession,
  success: Session.pipe(HttpApiSchema.status(202))
}).annotateMerge(
  endpoint(
    "session:write",
    "Move a session",
    "The next turn that starts goes to that instance, or to any other; one that runs ends where it is. What was said so far stays at the old gateway."
  )
)

const terminate = HttpApiEndpoint.delete("terminate", "/sessions/:sessionId", {
  ...change,
  success: Session.pipe(HttpApiSchema.status(202))
}).annotateMerge(endpoint("session:write", "Terminate a session", "Aborts its turns, then closes it for good."))

export class SessionsApi extends HttpApiGroup.make("sessions")
  .add(create, list, get, send, turns, turn, result, waitTurn, steer, abort, move, terminate)
  .middleware(Authorise)
  .middleware(Authenticate)
  .annotateMerge(OpenApi.annotations({ title: "Sessions", description: "Conversations, and their turns." })) {}
