/**
 * Folds a batch of commands over an actor's state into what to write in one commit and what to reply after it. Pure:
 * the shell commits and replies.
 */
import type { ActorDefinition, Answer, DecideContext, Decision, Handed, Outgoing, RowWrite } from "../Actor.ts"
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

/** An entry of told messages takes no further one beyond this weight. */
const toldWeight = 1024 * 1024

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
  /** Those that follow one another are one entry: none of them is answered, or known by an id. */
  | { readonly _tag: "Told"; readonly tag: string; readonly payload: unknown }

export interface Step {
  readonly answer: Answer<unknown, unknown>
  /** Present when the reply is recorded. */
  readonly recorded?: EncodedAnswer
}

const commandOf = (item: Item): string => {
  switch (item._tag) {
    case "Command":
    case "Told":
      return item.tag
    case "Signal":
      return item.signal._tag
    case "Timer":
      return item.key
  }
}

/** A commit in preparation. Mutable, and discarded as a whole when the commit fails. */
export class PendingCommit {
  state: unknown
  seq: number
  readonly entries: Array<Entry> = []
  readonly outbox: Array<OutboxMessage> = []
  /** Messages to be told once the commit has succeeded. */
  readonly told: Array<Outgoing> = []
  /** What the shell takes once the commit has succeeded. */
  readonly handed: Array<Handed> = []
  readonly rows: Array<RowWrite> = []
  readonly #entryTexts: Array<CommitTexts["entries"][number]> = []
  readonly #outboxTexts: Array<string> = []
  /**
   * Weight of the commit (Weight.ts). Rows are not weighed themselves: an item that writes rows counts its events
   * twice.
   */
  weight = 0
  /** Stored messages of the last entry. */
  #sent = 0
  /** The last entry, while it is one of told messages. */
  #open: { readonly weight: number } | undefined
  #toldItems = 0
  readonly #definition: Definition
  readonly #codec: ActorCodec<any, any>
  readonly #context: Omit<DecideContext, "requestId" | "seq">
  readonly #resourceKey: string | undefined

  constructor(
    definition: Definition,
    codec: ActorCodec<any, any>,
    context: Omit<DecideContext, "requestId" | "seq">,
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
    const step = this.#add(item, decision)
    if (decision.hand !== undefined) this.handed.push(...decision.hand)
    return step
  }

  #add(item: Item, decision: Decision<any, unknown, unknown>): Step {
    if (decision.events.length === 0 && decision.send.length === 0) return { answer: decision.answer }
    const { rows, sends, state } = this.#evolve(decision)
    const told = sends.filter((message) => message.told !== undefined)
    const stored = told.length === 0 ? sends : sends.filter((message) => message.told === undefined)
    if (decision.events.length === 0 && stored.length === 0) {
      this.told.push(...told)
      return { answer: decision.answer }
    }
    const recorded = item._tag === "Command" ? this.#codec.command(item.tag)!.encodeAnswer(decision.answer) : null
    const events = decision.events.map((event) => this.#codec.encodeEvent(event, this.#context.entityId))
    const payloads = stored.map(({ encode, payload }) => encode(payload))
    this.#checkWrites(rows.length + payloads.length)
    const texts = {
      events: JSON.stringify(events),
      answer: recorded === null ? null : JSON.stringify(recorded),
      payloads: payloads.map((payload) => JSON.stringify(payload ?? null))
    }
    const weight =
      texts.events.length * (rows.length > 0 ? 2 : 1) +
      (texts.answer?.length ?? 0) +
      texts.payloads.reduce((sum, { length }) => sum + length, 0)
    this.#checkWeight(weight)
    this.weight += weight
    this.state = state
    this.rows.push(...rows)
    this.told.push(...told)
    if (item._tag !== "Told" || !this.#extendTold(events, texts.events, weight))
      this.#begin(item, events, recorded, texts)
    if (item._tag === "Told") this.#open = { weight: weight + (this.#open?.weight ?? 0) }
    this.#send(stored, payloads, texts.payloads)
    return recorded === null ? { answer: decision.answer } : { answer: decision.answer, recorded }
  }

  /** Begins the entry of an item. */
  #begin(
    item: Item,
    events: Array<unknown>,
    answer: EncodedAnswer | null,
    texts: CommitTexts["entries"][number]
  ): void {
    this.seq += 1
    this.#sent = 0
    this.#open = undefined
    this.#entryTexts.push({ events: texts.events, answer: texts.answer })
    this.entries.push({
      seq: this.seq,
      requestId: item._tag === "Command" ? item.requestId : null,
      command: commandOf(item),
      payloadHash: item._tag === "Command" ? item.payloadHash : null,
      events,
      answer,
      at: this.#context.now
    })
  }

  /** Adds the events of a told message to the entry of those before it. False: there is none, or it is full. */
  #extendTold(events: ReadonlyArray<unknown>, text: string, weight: number): boolean {
    if (this.#open === undefined || this.#open.weight + weight > toldWeight) return false
    const last = this.entries.length - 1
    ;(this.entries[last]!.events as Array<unknown>).push(...events)
    const before = this.#entryTexts[last]!.events
    const both = before === "[]" ? text : text === "[]" ? before : `${before.slice(0, -1)},${text.slice(1)}`
    this.#entryTexts[last] = { events: both, answer: null }
    return true
  }

  /** Adds the stored messages of an item to the entry that was begun or extended last. */
  #send(stored: ReadonlyArray<Outgoing>, payloads: ReadonlyArray<unknown>, texts: ReadonlyArray<string>): void {
    const { entity } = this.#definition
    for (const [index, { entityId, entityType, tag }] of stored.entries()) {
      const ordinal = this.#sent++
      this.outbox.push({
        id: `${entity.type}/${this.#context.entityId}/${this.seq}/${ordinal}`,
        seq: this.seq,
        ordinal,
        targetType: entityType,
        targetId: entityId,
        tag,
        payload: payloads[index]
      })
    }
    this.#outboxTexts.push(...texts)
  }

  #checkWeight(weight: number): void {
    if (weight <= entryWeight) return
    const { entityId } = this.#context
    throw new Error(
      `one command of ${entityId} would write some ${weight} characters; ${entryWeight} is the most that the store takes at once`
    )
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
    this.#open = undefined
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
    const seq = this.seq + 1
    const context = (requestId: string): DecideContext => ({ ...this.#context, seq, requestId })
    switch (item._tag) {
      case "Command":
        return (commands as any)[item.tag](this.state, item.payload, context(item.requestId))
      case "Signal":
        return signal!(this.state, item.signal, context(`signal-${seq}`))
      case "Told":
        return (commands as any)[item.tag](this.state, item.payload, context(`told-${seq}-${this.#toldItems++}`))
      case "Timer":
        return onTimer!(this.state, item.key, context(`timer-${seq}`))
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
}
