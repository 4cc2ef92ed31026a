/**
 * Folds a batch of commands over an actor's state into what to write in one commit and what to reply after it. Pure:
 * the shell commits and replies.
 */
import type { ActorDefinition, Answer, DecideContext, Decision, Outgoing, RowWrite } from "../Actor.ts"
import type { ActorCodec } from "../state/Codec.ts"
import type { CommitTexts, EncodedAnswer, Entry, OutboxMessage } from "../Journal.ts"
import type { DeadReason } from "../../schema/DeadMessage.ts"
import { deadMessage } from "../outbox/DeadMessageRow.ts"
import type { DeliveredMessage } from "../runtime/Mailbox.ts"

/**
 * Maximum characters that one command, signal or timer may write: well above what one request can contain, well below
 * what one row can hold.
 */
const entryWeight = 32 * 1024 * 1024
/**
 * Maximum number of rows and messages that one command, signal or timer may write: the largest commands accept 1,000
 * tasks, and a statement with many more would not end within its time limit.
 */
export const entryWrites = 4_096

export type Definition = ActorDefinition<string, any, any, any, any, any>

/** One item to decide. A `Command` has a request id under which its reply is recorded; signals and timers have none. */
export type Item =
  | {
      readonly _tag: "Command"
      readonly tag: string
      readonly payload: unknown
      readonly requestId: string
      readonly payloadHash: string | null
    }
  | { readonly _tag: "Signal"; readonly signal: { readonly _tag: string } }
  | { readonly _tag: "Timer"; readonly key: string }

export interface Step {
  readonly answer: Answer<unknown, unknown>
  /** Present when the reply is recorded. */
  readonly recorded?: EncodedAnswer
}

/** A commit in preparation. Mutable, and discarded as a whole when the commit fails. */
export class PendingCommit {
  state: unknown
  seq: number
  readonly entries: Array<Entry> = []
  readonly outbox: Array<OutboxMessage> = []
  readonly rows: Array<RowWrite> = []
  readonly #entryTexts: Array<CommitTexts["entries"][number]> = []
  readonly #outboxTexts: Array<string> = []
  /**
   * Weight of the commit (Weight.ts). Rows are not weighed themselves: an item that writes rows counts its events
   * twice.
   */
  weight = 0
  readonly #definition: Definition
  readonly #codec: ActorCodec<any, any>
  readonly #context: Omit<DecideContext, "requestId">
  readonly #resourceKey: string | undefined

  constructor(
    definition: Definition,
    codec: ActorCodec<any, any>,
    context: Omit<DecideContext, "requestId">,
    state: unknown,
    seq: number
  ) {
    this.#definition = definition
    this.#codec = codec
    this.#context = context
    this.state = state
    this.seq = seq
    this.#resourceKey = definition.resource?.keyOf(state)
  }

  /** Whether the state names another resource than decisions are given: the next one waits until it is loaded. */
  get needsResource(): boolean {
    return this.#definition.resource?.keyOf(this.state) !== this.#resourceKey
  }

  /**
   * Adds one item. Throws what the actor's own code or a codec throws, and when the item would write more than
   * `entryWeight` or `entryWrites`; nothing of the item is then in the commit.
   */
  apply(item: Item): Step {
    const decision = this.#decide(item)
    if (decision.events.length === 0 && decision.send.length === 0) return { answer: decision.answer }
    const seq = this.seq + 1
    const recorded = item._tag === "Command" ? this.#codec.command(item.tag)!.encodeAnswer(decision.answer) : null
    const events = decision.events.map((event) => this.#codec.encodeEvent(event, this.#context.entityId))
    const { rows, sends, state } = this.#evolve(decision)
    const outbox = this.#outgoing(sends, seq)
    this.#checkWrites(rows.length + outbox.length)
    const texts = { events: JSON.stringify(events), answer: recorded === null ? null : JSON.stringify(recorded) }
    const payloads = outbox.map(({ payload }) => JSON.stringify(payload ?? null))
    const weight =
      texts.events.length * (rows.length > 0 ? 2 : 1) +
      (texts.answer?.length ?? 0) +
      payloads.reduce((sum, { length }) => sum + length, 0)
    if (weight > entryWeight) {
      throw new Error(
        `one command of ${this.#context.entityId} would write some ${weight} characters; ${entryWeight} is the most that the store takes at once`
      )
    }
    this.weight += weight
    this.seq = seq
    this.state = state
    this.#entryTexts.push(texts)
    this.#outboxTexts.push(...payloads)
    this.rows.push(...rows)
    this.outbox.push(...outbox)
    this.entries.push({
      seq,
      requestId: item._tag === "Command" ? item.requestId : null,
      command: item._tag === "Command" ? item.tag : item._tag === "Signal" ? item.signal._tag : item.key,
      payloadHash: item._tag === "Command" ? item.payloadHash : null,
      events,
      answer: recorded,
      at: this.#context.now
    })
    return recorded === null ? { answer: decision.answer } : { answer: decision.answer, recorded }
  }

  #checkWrites(writes: number): void {
    if (writes <= entryWrites) return
    const { entityId } = this.#context
    throw new Error(`one command of ${entityId} would write ${writes} rows and messages; ${entryWrites} is the most`)
  }

  /** Rows and messages of the commit. */
  get writes(): number {
    return this.rows.length + this.outbox.length
  }

  /** Adds a message that the actor could not process, as a dead one. Its recorded reply makes it a duplicate. */
  addDead(message: DeliveredMessage, reason: DeadReason, error: unknown): EncodedAnswer {
    const { entity } = this.#definition
    const { entityId, now } = this.#context
    const answer: EncodedAnswer = { _tag: "Failure", error: { _tag: "DeadMessage", reason } }
    const texts = { events: "[]", answer: JSON.stringify(answer) }
    this.seq += 1
    this.weight += JSON.stringify(message.payload ?? null).length
    this.#entryTexts.push(texts)
    this.rows.push(deadMessage({ entityType: entity.type, entityId }, message, reason, error, now))
    this.entries.push({
      seq: this.seq,
      requestId: message.id,
      command: message.tag,
      payloadHash: null,
      events: [],
      answer,
      at: now
    })
    return answer
  }

  get texts(): CommitTexts {
    return { entries: this.#entryTexts, outbox: this.#outboxTexts }
  }

  #decide(item: Item): Decision<any, unknown, unknown> {
    const { commands, onTimer, signal } = this.#definition
    switch (item._tag) {
      case "Command":
        return (commands as any)[item.tag](this.state, item.payload, { ...this.#context, requestId: item.requestId })
      case "Signal":
        return signal!(this.state, item.signal, { ...this.#context, requestId: `signal-${this.seq + 1}` })
      case "Timer":
        return onTimer!(this.state, item.key, { ...this.#context, requestId: `timer-${this.seq + 1}` })
    }
  }

  /** The state after the events, and the rows and messages that they write. */
  #evolve({ events, send }: Decision<any, unknown, unknown>) {
    const { evolve, rows: rowsOf, sends: sendsOf } = this.#definition
    const rows: Array<RowWrite> = []
    const sends = [...send]
    let state = this.state
    for (const event of events) {
      const next = evolve(state, event)
      if (rowsOf !== undefined) rows.push(...rowsOf(event, state, next))
      if (sendsOf !== undefined) sends.push(...sendsOf(event, state, next))
      state = next
    }
    return { state, rows, sends }
  }

  #outgoing(sends: ReadonlyArray<Outgoing>, seq: number): Array<OutboxMessage> {
    const { entity } = this.#definition
    return sends.map((message, ordinal) => ({
      id: `${entity.type}/${this.#context.entityId}/${seq}/${ordinal}`,
      seq,
      ordinal,
      targetType: message.entityType,
      targetId: message.entityId,
      tag: message.tag,
      payload: message.encode(message.payload)
    }))
  }
}
