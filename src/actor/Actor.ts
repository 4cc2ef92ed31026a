/**
 * What an actor is: a pure core. `decide` answers a command with events, a reply and messages to others; `evolve` folds
 * an event into the state. Neither reads a clock, draws a number or does I/O. All else is derived from the state:
 *
 * - `timers(state)`: when the actor wants to be woken. A timer takes effect once, since the event it leads to removes
 *   it.
 * - `activities(state)`: the side effects that should be under way now, by key. The shell starts what is missing and
 *   interrupts what is no longer wanted, also after the actor has moved to another runner. So an activity must attach
 *   to what it finds outside rather than assume that it is the first.
 * - `view(state)`: the document that lists and overviews read, written in the commit that changed it.
 * - `rows(event)`: rows of tables of its own (tasks), written in the same commit.
 *
 * The shell (ActorLayer.ts) loads, drains the mailbox in batches, commits, replies, and drops the actor when a commit
 * fails.
 */
import type { Schema } from "effect"
import type { Entity } from "effect/cluster"
import type { Rpc } from "effect/rpc"

/** What `decide` may know beside the state. */
export interface DecideContext {
  readonly entityId: string
  /** Unix milliseconds. */
  readonly now: number
  /** The caller's request id: unique for one command to one actor, the same on a retry. A source of ids. */
  readonly requestId: string
  /** The epoch under which the actor decides, for fences outside. */
  readonly epoch: number
}

/** A message to another actor, relayed after the commit until acknowledged, applied once by the receiver. */
export interface Outgoing {
  readonly entityType: string
  readonly entityId: string
  readonly tag: string
  readonly payload: unknown
  readonly encode: (payload: unknown) => unknown
}

export type Answer<A, E> =
  | { readonly _tag: "Success"; readonly value: A }
  | { readonly _tag: "Failure"; readonly error: E }

/** `events` empty: nothing is written, and the answer is not recorded. */
export interface Decision<Event, A, E> {
  readonly events: ReadonlyArray<Event>
  readonly answer: Answer<A, E>
  readonly send: ReadonlyArray<Outgoing>
}

/** How the store keeps a column. `json` is any JSON value. */
export type ColumnKind = "text" | "int" | "bigint" | "double precision" | "boolean" | "json"

/**
 * A table that actors write with their commits, declared once. The store has it as `clawster_<name>`, made by a
 * migration.
 */
export interface Table {
  readonly name: string
  /** The columns that name a row. */
  readonly key: ReadonlyArray<string>
  readonly columns: Readonly<Record<string, ColumnKind>>
}

/** One write to a table. `row` has the key, and of the columns those that are written; its values are plain JSON. */
export interface RowWrite {
  readonly table: Table
  /** An insert of a row that is there does nothing. Writes of one commit to one row are applied in order. */
  readonly op: "insert" | "update"
  /**
   * Of an insert whose row may be there already: a later write of the commit to that row counts all the same. Else it
   * is new for certain.
   */
  readonly mayExist?: boolean
  readonly row: Readonly<Record<string, unknown>>
}

export interface Timer {
  readonly key: string
  /** Unix milliseconds. Never fires earlier; later by at most one sweep. */
  readonly at: number
}

export interface View {
  readonly tenantId?: string | undefined
  readonly doc: unknown
}

/** The codec an actor is stored through. Its encoded side must be JSON. */
export type JsonCodec<A> = Schema.Codec<A, any>

type CommandTag<Rpcs extends Rpc.Any> = Exclude<Rpcs["_tag"], "Wake" | "Hold" | "Deliver">

export type CommandHandlers<Rpcs extends Rpc.Any, State, Event> = {
  readonly [Tag in CommandTag<Rpcs>]: (
    state: State,
    payload: Rpc.Payload<Rpc.ExtractTag<Rpcs, Tag>>,
    context: DecideContext
  ) => Decision<Event, Rpc.Success<Rpc.ExtractTag<Rpcs, Tag>>, Rpc.Error<Rpc.ExtractTag<Rpcs, Tag>>>
}

export interface ActorDefinition<
  Type extends string,
  Rpcs extends Rpc.Any,
  State,
  Event extends { readonly _tag: string },
  Signal extends { readonly _tag: string } = never,
  Activity extends { readonly key: string } = never
> {
  readonly entity: Entity.Entity<Type, Rpcs>
  readonly state: JsonCodec<State>
  readonly event: JsonCodec<Event>
  /**
   * Grows when `state` changes shape so that old snapshots cannot be decoded; they are then passed over, and the
   * journal is folded again. An actor whose journal has been pruned needs its snapshot and does not load without it:
   * give new fields a decoding default instead of raising this.
   */
  readonly stateVersion: number
  readonly initial: (entityId: string) => State
  readonly evolve: (state: State, event: Event) => State
  readonly commands: CommandHandlers<Rpcs, State, Event>
  /** What activities report. Signals are not stored; their events are. */
  readonly signal?: (state: State, signal: Signal, context: DecideContext) => Decision<Event, void, never>
  readonly timers?: (state: State) => ReadonlyArray<Timer>
  readonly onTimer?: (state: State, key: string, context: DecideContext) => Decision<Event, void, never>
  readonly activities?: (state: State) => ReadonlyArray<Activity>
  readonly view?: (state: State, entityId: string) => View | undefined
  readonly rows?: (event: Event, before: State, after: State) => ReadonlyArray<RowWrite>
  /**
   * Nothing would be lost if the actor had never been: what it was about is over, and who addresses it next may find it
   * new. One that has ended and that nobody has addressed for as long as history is kept is removed with its snapshot
   * and its view. Absent: it is kept for ever.
   */
  readonly isEnded?: (state: State) => boolean
  /**
   * A snapshot is taken after this many journal entries, or eight times as many events, or when they have become large
   * (LoadedActor.ts).
   */
  readonly snapshotEvery?: number
}

/**
 * Names the types of an actor once, so that its handlers need no annotations: `define<State, Event, Signal,
 * Activity>()({ … })`.
 */
export const define =
  <
    State,
    Event extends { readonly _tag: string },
    Signal extends { readonly _tag: string } = never,
    Activity extends { readonly key: string } = never
  >() =>
  <Type extends string, Rpcs extends Rpc.Any>(
    definition: ActorDefinition<Type, Rpcs, State, Event, Signal, Activity>
  ): ActorDefinition<Type, Rpcs, State, Event, Signal, Activity> =>
    definition

export const accept = <Event, A>(
  events: ReadonlyArray<Event>,
  value: A,
  send: ReadonlyArray<Outgoing> = []
): Decision<Event, A, never> => ({ events, answer: { _tag: "Success", value }, send })

/** Refuses: nothing is written. */
export const refuse = <E>(error: E): Decision<never, never, E> => ({
  events: [],
  answer: { _tag: "Failure", error },
  send: []
})

/** Answers from the state: nothing is written. */
export const answer = <A>(value: A): Decision<never, A, never> => accept([], value)

/** Events without an answer, for signals and timers. */
export const note = <Event>(
  events: ReadonlyArray<Event>,
  send: ReadonlyArray<Outgoing> = []
): Decision<Event, void, never> => accept(events, undefined, send)
