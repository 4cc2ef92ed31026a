/**
 * Requests to the driver that runs an instance, answered on its runner. Nothing about them is stored: when a reply is
 * lost, the caller asks again.
 */
import { Schema } from "effect"
import { Rpc, RpcGroup } from "effect/rpc"
import { Conflict, NotFound } from "../schema/Errors.ts"
import { InstanceLogs } from "./Requests.ts"

export class InstanceHostRpcs extends RpcGroup.make(
  Rpc.make("Logs", {
    payload: { limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 })) },
    success: InstanceLogs,
    error: Schema.Union([NotFound, Conflict])
  })
) {}
