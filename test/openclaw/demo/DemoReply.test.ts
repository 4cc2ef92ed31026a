import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { type ChatMessage, readConversation } from "../../../src/openclaw/demo/DemoReply.ts"

const read = (...messages: ReadonlyArray<ChatMessage>) => readConversation({ messages })
const user = (content: string): ChatMessage => ({ role: "user", content })
const said = (...messages: ReadonlyArray<ChatMessage>) => {
  const { reply } = read(...messages)
  return reply._tag === "Say" ? reply.chunks.join("") : reply._tag
}
const restartNotice = "[System] Your previous turn was interrupted by a gateway restart while OpenClaw was waiting"
const runtimeLine = "\n\nRuntime: agent=main | session=agent:main:s"

describe("DemoReply", () => {
  it("answers the last user message, without what OpenClaw puts around it", () => {
    const internal = { role: "user", content: [{ type: "text", text: "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nnone" }] }
    const wrapped = user(`[Sat 2026-11-21 08:04 UTC] hello [[id a]] there${runtimeLine}`)
    const reading = read(user("earlier"), { role: "assistant", content: "x" }, wrapped, internal)
    assert.strictEqual(reading.text, "hello there")
    assert.strictEqual(reading.id, "a")
    assert.isTrue(reading.fresh)
    assert.strictEqual(said(wrapped, internal), "Demo answer to: hello there")
  })

  it("knows a resumed turn, and answers what the user had asked", () => {
    const merged = user(
      `[Sat 2026-11-21 08:04 UTC] [Queued user message from a previous active turn; preserved as context only.]\n` +
        `hello [[id a]]\n\n${restartNotice}${runtimeLine}`
    )
    for (const conversation of [[merged], [user("hello [[id a]]"), user(restartNotice)]]) {
      const reading = read(...conversation)
      assert.deepInclude(reading, { text: "hello", id: "a", resumed: true, fresh: false })
    }
  })

  it("calls the named tool once, then answers", () => {
    const asked = user("look [[tool read]]")
    assert.strictEqual(read(asked).reply._tag, "CallTool")
    const done = read(asked, { role: "assistant", content: null }, { role: "tool", content: "text" })
    assert.strictEqual(done.reply._tag, "Say")
    assert.isFalse(done.fresh)
  })

  it("obeys the other directives, within bounds", () => {
    assert.deepStrictEqual(read(user("[[error 429]]")).reply, { _tag: "Refuse", status: 429 })
    assert.deepStrictEqual(read(user("[[hang]]")).reply, { _tag: "Hang" })
    assert.strictEqual(said(user("x [[say exactly this]]")), "exactly this")
    const slow = read(user("x [[delay 99999999999]]")).reply
    assert.strictEqual(slow._tag === "Say" ? slow.overMillis : 0, 600_000)
    assert.strictEqual(said(user("x [[delay soon]]")), "Demo answer to: x")
  })

  it.prop("streams any text in at most eight pieces that join to it", { text: Schema.String }, ({ text }) => {
    const { reply, text: heard } = read(user(text.replaceAll("[", "(")))
    if (reply._tag !== "Say" || heard === "") return
    assert.isAtMost(reply.chunks.length, 8)
    assert.strictEqual(reply.chunks.join(""), `Demo answer to: ${heard}`)
  })
})
