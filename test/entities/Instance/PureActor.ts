/**
 * An actor without its shell: decides, folds, and passes time. Events go through the journal's codec, as they do in the
 * shell.
 */
import { Schema } from "effect"
import type { ActorDefinition, Outgoing } from "../../../src/actor/Actor.ts"

type Definition<
  State,
  Event extends { readonly _tag: string },
  Signal extends { readonly _tag: string }
> = ActorDefinition<any, any, State, Event, Signal, any>

export class PureActor<State, Event extends { readonly _tag: string }, Signal extends { readonly _tag: string }> {
  state: State
  now = 1_000_000
  epoch = 1
  readonly events: Array<Event> = []
  readonly sent: Array<Outgoing> = []
  readonly states: Array<State> = []
  readonly #definition: Definition<State, Event, Signal>
  readonly #entityId: string
  readonly #roundTrip: (event: Event) => Event
  #requests = 0

  constructor(definition: Definition<State, Event, Signal>, entityId: string) {
    this.#definition = definition
    this.#entityId = entityId
    this.state = definition.initial(entityId)
    const codec = Schema.toCodecJson(definition.event as unknown as Schema.Top) as unknown as Schema.Codec<
      Event,
      unknown
    >
    const [encode, decode] = [Schema.encodeSync(codec), Schema.decodeSync(codec)]
    this.#roundTrip = (event) => decode(JSON.parse(JSON.stringify(encode(event))))
  }

  get #context() {
    return { entityId: this.#entityId, now: this.now, epoch: this.epoch, requestId: `r${++this.#requests}` }
  }

  #apply(decision: {
    readonly events: ReadonlyArray<Event>
    readonly answer: unknown
    readonly send: ReadonlyArray<Outgoing>
  }) {
    for (const event of decision.events) {
      const stored = this.#roundTrip(event)
      this.events.push(stored)
      this.state = this.#definition.evolve(this.state, stored)
      this.states.push(this.state)
    }
    for (const message of decision.send) message.encode(message.payload)
    this.sent.push(...decision.send)
    return decision.answer as
      | { readonly _tag: "Success"; readonly value: any }
      | { readonly _tag: "Failure"; readonly error: any }
  }

  command(tag: string, payload: unknown) {
    return this.#apply((this.#definition.commands as any)[tag](this.state, payload, this.#context))
  }

  signal(signal: Signal) {
    return this.#apply(this.#definition.signal!(this.state, signal, this.#context))
  }

  get timers() {
    return this.#definition.timers!(this.state)
  }

  get activities(): ReadonlyArray<{ readonly key: string }> {
    return this.#definition.activities!(this.state)
  }

  /** Passes time, and lets each timer that is due take effect, as the shell does. False when one stays due. */
  pass(millis: number): boolean {
    const until = this.now + millis
    for (let fired = 0; fired < 10_000; fired++) {
      const next = this.timers.reduce<{ key: string; at: number } | undefined>(
        (first, timer) => (first === undefined || timer.at < first.at ? timer : first),
        undefined
      )
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

  /** What the journal alone says the state is. */
  get folded(): State {
    return this.events.reduce(this.#definition.evolve, this.#definition.initial(this.#entityId))
  }

  /** The state after a snapshot was written and read. */
  get restored(): State {
    const codec = Schema.toCodecJson(this.#definition.state as unknown as Schema.Top) as unknown as Schema.Codec<
      State,
      unknown
    >
    return Schema.decodeSync(codec)(JSON.parse(JSON.stringify(Schema.encodeSync(codec)(this.state))))
  }
}
