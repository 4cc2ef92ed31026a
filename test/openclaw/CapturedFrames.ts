import { readFileSync } from "node:fs"
import { type InboundFrame, parseFrame } from "../../src/openclaw/protocol/GatewayFrames.ts"

const lines = readFileSync(new URL("../fixtures/openclaw-frames.jsonl", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line) as { readonly case: string; readonly frame: object })

/** Frames that a real gateway sent, in order. */
export const captured = (name: string): ReadonlyArray<InboundFrame> =>
  lines.filter((line) => line.case === name).map((line) => parseFrame(JSON.stringify(line.frame))!)
