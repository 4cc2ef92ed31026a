/**
 * Builds a decision step by step. Each event is applied to `state` at once, so that the next step of the same decision
 * sees its effect.
 */
import { accept, type Decision, type Outgoing } from "./Actor.ts"

export class DecisionBuilder<State, Event> {
  /** State after the events emitted so far. */
  state: State
  readonly events: Array<Event> = []
  readonly outgoing: Array<Outgoing> = []
  readonly #evolve: (state: State, event: Event) => State

  constructor(evolve: (state: State, event: Event) => State, state: State) {
    this.#evolve = evolve
    this.state = state
  }

  /** Adds an event and applies it to `state`. */
  emit(event: Event): void {
    this.events.push(event)
    this.state = this.#evolve(this.state, event)
  }

  /** Adds a message to be sent after the commit. */
  send(message: Outgoing): void {
    this.outgoing.push(message)
  }

  /** The decision that stores the events, sends the messages and replies with `value`. */
  accept<A>(value: A): Decision<Event, A, never> {
    return accept(this.events, value, this.outgoing)
  }
}
