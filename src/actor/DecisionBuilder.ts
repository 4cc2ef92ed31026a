/**
 * A decision in the making: each event takes effect on `state` at once, so that the next step of the same decision sees
 * it.
 */
import { accept, type Decision, type Outgoing } from "./Actor.ts"

export class DecisionBuilder<State, Event> {
  state: State
  readonly events: Array<Event> = []
  readonly outgoing: Array<Outgoing> = []
  readonly #evolve: (state: State, event: Event) => State

  constructor(evolve: (state: State, event: Event) => State, state: State) {
    this.#evolve = evolve
    this.state = state
  }

  emit(event: Event): void {
    this.events.push(event)
    this.state = this.#evolve(this.state, event)
  }

  send(message: Outgoing): void {
    this.outgoing.push(message)
  }

  accept<A>(value: A): Decision<Event, A, never> {
    return accept(this.events, value, this.outgoing)
  }
}
