/**
 * Storage for long outputs of runs. The text is written once, before the commit that ends its task or turn; that commit
 * holds the beginning of the text and its size. The text is kept as long as its task or turn and removed with it; a
 * text whose commit never came is removed too.
 */
import { Context, type Effect } from "effect"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { SessionId, TaskId, TenantId } from "../schema/Ids.ts"
import type { OutputPart, StoredOutput } from "../schema/runs/Output.ts"

/**
 * `owner` names the task or turn within its tenant, `runKey` the attempt. Both are stored, so their format must not
 * change.
 */
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

/**
 * Characters (UTF-16 code units) of a result. A longer one is stored separately, and its first `previewMost` characters
 * are shown.
 */
export const inlineMost = 16_384
export const previewMost = 4_096

/** Maximum characters of one piece of a stored text. */
const pieceMost = 65_536

/** Splits a text into pieces. No piece ends within a surrogate pair. */
export const piecesOf = (text: string): ReadonlyArray<string> => {
  const pieces: Array<string> = []
  for (let from = 0; from < text.length; from += pieces.at(-1)!.length)
    pieces.push(beginningOf(text.slice(from), pieceMost))
  return pieces
}

/** The first characters of the text, at most `most`, without half a surrogate pair at the end. */
export const beginningOf = (text: string, most: number): string => {
  if (text.length <= most) return text
  const last = text.charCodeAt(most - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? most - 1 : most)
}

export class Outputs extends Context.Service<
  Outputs,
  {
    /**
     * Stores a text and returns its size. Success: it is durable. The first text stored under an address is kept, so a
     * run that is recorded twice has one output, and the returned size is that of the kept text.
     */
    readonly put: (address: OutputAddress, text: string) => Effect.Effect<StoredOutput, ActorUnavailable>
    /** A part of bounded size, from piece `from` on (0, or `next` of the previous part); empty when there is none. */
    readonly read: (address: OutputAddress, from: number) => Effect.Effect<OutputPart, ActorUnavailable>
  }
>()("clawster/ports/Outputs") {}
