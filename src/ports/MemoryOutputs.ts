/** Outputs in memory, for tests and simulation. A shared instance outlives the actors that use it, as a store does. */
import { Effect, Layer } from "effect"
import type { StoredOutput } from "../schema/runs/Output.ts"
import { type OutputAddress, Outputs, piecesOf } from "./Outputs.ts"

const piecesARead = 8

const keyOf = ({ owner, runKey, tenantId }: OutputAddress) => `${tenantId} ${owner} ${runKey}`

export const make = (): Outputs["Service"] => {
  const texts = new Map<string, string>()
  return Outputs.of({
    put: (address, text) =>
      Effect.sync((): StoredOutput => {
        const key = keyOf(address)
        const kept = texts.get(key) ?? text
        texts.set(key, kept)
        return { runKey: address.runKey, characters: kept.length, bytes: new TextEncoder().encode(kept).length }
      }),
    read: (address, from) =>
      Effect.sync(() => {
        const pieces = piecesOf(texts.get(keyOf(address)) ?? "")
        const text = pieces.slice(from, from + piecesARead).join("")
        return from + piecesARead < pieces.length ? { text, next: from + piecesARead } : { text }
      })
  })
}

export const layer = Layer.sync(Outputs, make)
