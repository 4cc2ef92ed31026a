import { Argument } from "effect/cli"
import { InstanceId } from "../../../schema/Ids.ts"

export const instanceId = Argument.String("instance").pipe(
  Argument.withSchema(InstanceId),
  Argument.withDescription("Instance id")
)
