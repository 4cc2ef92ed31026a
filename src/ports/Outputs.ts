/**
 * What runs said, when it is long. The text is written once, before the commit that ends its task or turn, and that
 * carries its beginning and its size. It is kept as long as the task or turn is, and goes with it; so does one whose
 * commit never came.
 */
import { Context, type Effect } from "effect"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { SessionId, TaskId, TenantId } from "../schema/Ids.ts"
import type { OutputPart, StoredOutput } from "../schema/Output.ts"

/** `owner` names the task or turn within its tenant, `runKey` the attempt. Stored for ever. */
export interface OutputAddress {
  readonly tenantId: TenantId
  readonly owner: string
  readonly runKey: string
}

export const ofTask = (tenantId: TenantId, taskId: TaskId, runKey: string): OutputAddress => ({
  tenantId,
  owner: `task/${taskId}`,
  runKey
})

export const ofTurn = (tenantId: TenantId, sessionId: SessionId, turnId: string, runKey: string): OutputAddress => ({
  tenantId,
  owner: `turn/${sessionId}/${turnId}`,
  runKey
})

/** Characters (UTF-16 code units) of a result. Longer ones are stored apart, and shown by their beginning. */
export const inlineMost = 16_384
export const previewMost = 4_096

/** Characters of one piece of a stored text. */
const pieceMost = 65_536

/** No piece ends within a surrogate pair. */
export const piecesOf = (text: string): ReadonlyArray<string> => {
  const pieces: Array<string> = []
  for (let from = 0; from < text.length; from += pieces.at(-1)!.length)
    pieces.push(beginningOf(text.slice(from), pieceMost))
  return pieces
}

/** At most so many characters, and no half of a surrogate pair at the end. */
export const beginningOf = (text: string, most: number): string => {
  if (text.length <= most) return text
  const last = text.charCodeAt(most - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? most - 1 : most)
}

export class Outputs extends Context.Service<
  Outputs,
  {
    /**
     * Success: it is durable. What was put first under an address stays, so that a run that is recorded twice has one
     * output; the answer is about that.
     */
    readonly put: (address: OutputAddress, text: string) => Effect.Effect<StoredOutput, ActorUnavailable>
    /** A part of bounded size, from piece `from` on (0, or `next` of the part before); empty when there is none. */
    readonly read: (address: OutputAddress, from: number) => Effect.Effect<OutputPart, ActorUnavailable>
  }
>()("clawster/ports/Outputs") {}
