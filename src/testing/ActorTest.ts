/**
 * One actor without its shell and without a cluster: it decides, folds and passes time, at once and in memory. Events
 * and messages are encoded and decoded as the journal would, so that a schema that does not fit its values fails here.
 * For properties over long histories; what a cluster does to an actor is for a simulation (Simulation.ts).
 */
import { Schema } from "effect"
import type { Rpc } from "effect/rpc"
import type { ActorDefinition, Answer, CommandHandlers, Decision, Handed, Outgoing, Timer } from "../actor/Actor.ts"

type Tags<Rpcs extends Rpc.Any> = keyof CommandHandlers<Rpcs, unknown, unknown> & string

/** Timers that one `pass` lets fire, at most. An actor that wants more has a timer that its event does not remove. */
const firedMost = 10_000

const throughJson = <A>(schema: Schema.Top) => {
  const codec = Schema.toCodecJson(schema) as unknown as Schema.Codec<A, unknown>
  const [encode, decode] = [Schema.encodeSync(codec), Schema.decodeSync(codec)]
  return (value: A): A => decode(JSON.parse(JSON.stringify(encode(value))))
}

export class ActorTest<
  Type extends string,
  Rpcs extends Rpc.Any,
  State,
  Event extends { readonly _tag: string },
  Signal extends { readonly _tag: string } = never,
  Activity extends { readonly key: string } = never
> {
  state: State
  /** Unix milliseconds. Set it, or let it pass with `pass`. */
  now = 1_000_000
  /** Raise it to decide as the next owner of the shard would. */
  epoch = 1
  /** The resource that decisions get. Set it when the state names another. */
  resource: unknown
  /** Number of decisions so far. */
  get seq(): number {
    return this.#requests
  }

  /** All events so far, as stored. */
  readonly events: Array<Event> = []
  /** All messages to other actors so far. */
  readonly sent: Array<Outgoing> = []
  /** All that was handed to the shell so far. */
  readonly handed: Array<Handed> = []
  /** The state after each event. */
  readonly states: Array<State> = []
  readonly #definition: ActorDefinition<Type, Rpcs, State, Event, Signal, Activity>
  readonly #entityId: string
  readonly #stored: (event: Event) => Event
  #requests = 0

  constructor(definition: ActorDefinition<Type, Rpcs, State, Event, Signal, Activity>, entityId: string) {
    this.#definition = definition
    this.#entityId = entityId
    this.state = definition.initial(entityId)
    this.#stored = throughJson(definition.event as unknown as Schema.Top)
  }

  get #context() {
    return {
      entityId: this.#entityId,
      now: this.now,
      epoch: this.epoch,
      seq: this.seq + 1,
      requestId: `r${++this.#requests}`,
      resource: this.resource as never
    }
  }

  #apply<A, E>({ answer, events, hand, send }: Decision<Event, A, E>): Answer<A, E> {
    if (hand !== undefined) this.handed.push(...hand)
    const following = [...send]
    for (const event of events) {
      const stored = this.#stored(event)
      const before = this.state
      this.events.push(stored)
      this.state = this.#definition.evolve(before, stored)
      this.states.push(this.state)
      following.push(...(this.#definition.sends?.(stored, before, this.state) ?? []))
    }
    for (const message of following) message.encode(message.payload)
    this.sent.push(...following)
    return answer
  }

  /**
   * Decides a command with a new request id. Throws when its handler throws, or when an event or message cannot be
   * encoded.
   */
  command<const Tag extends Tags<Rpcs>>(
    tag: Tag,
    payload: Rpc.Payload<Rpc.ExtractTag<Rpcs, Tag>>
  ): Answer<Rpc.Success<Rpc.ExtractTag<Rpcs, Tag>>, Rpc.Error<Rpc.ExtractTag<Rpcs, Tag>>> {
    const decide = this.#definition.commands[tag as keyof CommandHandlers<Rpcs, State, Event>]
    return this.#apply(decide(this.state, payload as never, this.#context)) as never
  }

  /**
   * Decides a command as a message of another actor. Throws also when it is refused without an event and without a
   * message: no caller waits, so nobody would learn of it.
   */
  message<const Tag extends Tags<Rpcs>>(tag: Tag, payload: Rpc.Payload<Rpc.ExtractTag<Rpcs, Tag>>): void {
    const [events, sent] = [this.events.length, this.sent.length]
    const answer = this.command(tag, payload)
    if (answer._tag === "Success" || this.events.length > events || this.sent.length > sent) return
    throw new Error(`the message ${tag} is refused and nobody learns of it: ${JSON.stringify(answer.error)}`)
  }

  /** Decides what an activity reports. */
  signal(signal: Signal): Answer<void, never> {
    return this.#apply(this.#definition.signal!(this.state, signal, this.#context))
  }

  get timers(): ReadonlyArray<Timer> {
    return this.#definition.timers?.(this.state) ?? []
  }

  get activities(): ReadonlyArray<Activity> {
    return this.#definition.activities?.(this.state) ?? []
  }

  /** Passes time and lets each timer that is due take effect, in order. False: one stays due after it has fired. */
  pass(millis: number): boolean {
    const until = this.now + millis
    for (let fired = 0; fired < firedMost; fired++) {
      const [next] = this.timers.toSorted((a, b) => a.at - b.at)
      if (next === undefined || next.at > until) {
        this.now = until
        return true
      }
      this.now = Math.max(this.now, next.at)
      const before = this.events.length
      this.#apply(this.#definition.onTimer!(this.state, next.key, this.#context))
      if (this.events.length === before) return false
    }
    return false
  }

  /** The state that the events alone give. It must equal `state`. */
  get folded(): State {
    return this.events.reduce(this.#definition.evolve, this.#definition.initial(this.#entityId))
  }

  /** The state after a snapshot of it was written and read. It must equal `state`. */
  get restored(): State {
    return throughJson<State>(this.#definition.state as unknown as Schema.Top)(this.state)
  }
}
