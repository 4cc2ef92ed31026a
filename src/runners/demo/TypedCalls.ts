/** The demo's calls over the typed client, as a TypeScript service would make them. */
import { Context, Effect, Layer } from "effect"
import { ClawsterClient } from "../../rpc/Client.ts"
import { SessionId, TaskId, TenantId } from "../../schema/Ids.ts"

export const make = Effect.fnUntraced(function* (url: string, apiKey: string, tenant: string) {
  const client = Context.get(yield* Layer.build(ClawsterClient.layerWebSocket({ url, apiKey })), ClawsterClient)
  const tenantId = TenantId.make(tenant)
  return {
    submitTask: (task: { readonly taskId: string; readonly payload: { readonly message: string } }) =>
      client.SubmitTasks({ tasks: [{ taskId: TaskId.make(task.taskId), tenantId, payload: task.payload }] }),
    sendTurn: (turn: { readonly sessionId: string; readonly turnId: string; readonly message: string }) =>
      client.SendTurn({ ...turn, sessionId: SessionId.make(turn.sessionId), tenantId })
  }
})

export type Typed = Effect.Success<ReturnType<typeof make>>
