/**
 * An actor is defined by a pure core. Its handlers (`commands`, `signal` and `onTimer`) decide: they map the state and
 * a command to events, a reply and messages to other actors. `evolve` folds an event into the state. None of them reads
 * a clock, draws a random number or does I/O. Everything else is derived from the state:
 *
 * - `timers(state)`: when the actor wants to be woken. A timer takes effect once, because the event it leads to removes
 *   it from the state.
 * - `activities(state)`: the side effects that should be running now, by key. The shell starts the missing ones and
 *   interrupts the ones that are no longer wanted, also after a takeover by another runner. An activity must therefore
 *   attach to what it finds outside and must not assume that it is the first to run.
 * - `view.of(state)`: the document that lists and overviews read, written in the commit that changed it.
 * - `rows(event, before, after)`: rows of the actor's own tables (such as tasks), written in the same commit.
 * - `sends(event, before, after)`: messages to other actors that follow from an event, whichever handler decided it.
 * - `retells(state)`: what other actors must be told again when the actor has been loaded.
 *
 * The shell (ActorLayer.ts) loads the actor, drains the mailbox in batches, commits, replies, and drops the actor from
 * memory when a commit fails.
 */
import type { Schema } from "effect"
import type { Entity } from "effect/cluster"
import type { Rpc } from "effect/rpc"
import type { Table } from "../schema/tables/Table.ts"
import type { ShellTag } from "./Protocol.ts"

export type { ColumnKind, Table } from "../schema/tables/Table.ts"

/** What a handler may use besides the state and the command. */
export interface DecideContext<Resource = unknown> {
  readonly entityId: string
  /** Unix milliseconds by the runner's clock; the same value for all commands of one batch. */
  readonly now: number
  /**
   * Request id of the command: unique for one command to one actor and the same on every retry, so ids can be derived
   * from it. For a message from another actor it is the message id, for signals and timers `signal-<seq>` and
   * `timer-<seq>`.
   */
  readonly requestId: string
  /** Epoch under which the actor decides. Pass it to outside systems as a fencing token. */
  readonly epoch: number
  /** Number of the journal entry that the decision begins, if it writes one. */
  readonly seq: number
  /** The resource that the state names (`ActorDefinition.resource`). Undefined when it names none. */
  readonly resource?: Resource
}

/**
 * A message to another actor. By `send` it is stored with the commit, relayed after it until the receiver acknowledges
 * it, and deduplicated by the receiver; by `tell` it is not stored (Send.ts).
 */
export interface Outgoing {
  readonly entityType: string
  readonly entityId: string
  readonly tag: string
  readonly payload: unknown
  /** Encodes `payload` by the receiver's schema. Throws when the payload does not match; nothing is committed then. */
  readonly encode: (payload: unknown) => unknown
  /** Present when the message is told: whether a committed state of the sender still wants it told. */
  readonly told?: {
    readonly isWanted: (state: any) => boolean
    /** Called once the receiver has decided it. */
    readonly onHeard?: () => void
  }
}

/** What a decision hands to the shell: it is not stored, so it is for what would be said again after a failure. */
export interface Handed {
  readonly _tag: string
}

/** What `retells` may use besides the state. */
export type RetellContext = Pick<DecideContext, "entityId" | "epoch" | "now" | "seq">

/** Reply to a command: a value or a typed error. */
export type Answer<A, E> =
  | { readonly _tag: "Success"; readonly value: A }
  | { readonly _tag: "Failure"; readonly error: E }

/**
 * Outcome of one command, signal or timer. When `events` and `send` are both empty, nothing is written and the reply is
 * not recorded: a retry with the same request id is decided again.
 *
 * `hand` goes to the shell (`ShellOptions.take`) after the commit and before the reply.
 */
export interface Decision<Event, A, E> {
  readonly events: ReadonlyArray<Event>
  readonly answer: Answer<A, E>
  readonly send: ReadonlyArray<Outgoing>
  readonly hand?: ReadonlyArray<Handed>
}

/** One write to a table. `row` holds the key columns and the columns to write; its values are plain JSON. */
export interface RowWrite {
  readonly table: Table
  /** Inserting a row whose key exists does nothing. Writes of one commit to the same row are applied in order. */
  readonly op: "insert" | "update"
  /**
   * Set on an insert whose row may already exist: a later update of that row in the same commit then also takes effect
   * on the existing row. Absent means that the row is certainly new, and such an update is merged into the insert only.
   */
  readonly mayExist?: boolean
  readonly row: Readonly<Record<string, unknown>>
}

/** A wake-up that the state asks for. `key` names it within its actor and is passed to `onTimer`. */
export interface Timer {
  readonly key: string
  /**
   * Unix milliseconds. The timer never fires earlier, and at most one sweep of WakeScheduler.ts (5 s by default) later.
   */
  readonly at: number
}

/** The codec that the store uses. Its encoded side must be JSON. */
export type JsonCodec<A> = Schema.Codec<A, any>

/** The document that lists read. `tenantId` makes it visible in that tenant's lists. */
export interface View<Doc> {
  readonly tenantId?: string | undefined
  readonly doc: Doc
}

/** The view of an actor type. It is read with the entity and the same schema (ports/ViewReads.ts). */
export interface ViewDefinition<State, Doc> {
  /** Readers pass over stored documents that it cannot decode, so a new field is optional or has a decoding default. */
  readonly schema: JsonCodec<Doc>
  /**
   * The view of this state. Undefined removes the stored one. While it returns the same object, nothing is encoded or
   * compared.
   */
  readonly of: (state: State, entityId: string) => View<NoInfer<Doc>> | undefined
}

/** The immutable document that an actor decides with (Resources.ts). */
export interface ResourceDefinition<State, Resource> {
  readonly schema: JsonCodec<Resource>
  /**
   * Key of the resource that decisions in this state need. Undefined: none. An event that changes it ends the commit,
   * and the resource is loaded before the next decision. An actor whose resource is missing cannot be loaded.
   */
  readonly keyOf: (state: State) => string | undefined
}

type CommandTag<Rpcs extends Rpc.Any> = Exclude<Rpcs["_tag"], ShellTag>

/**
 * One pure handler per command. When a handler throws, its caller gets a defect and nothing of the command is written.
 */
export type CommandHandlers<Rpcs extends Rpc.Any, State, Event, Resource = unknown> = {
  readonly [Tag in CommandTag<Rpcs>]: (
    state: State,
    payload: Rpc.Payload<Rpc.ExtractTag<Rpcs, Tag>>,
    context: DecideContext<Resource>
  ) => Decision<Event, Rpc.Success<Rpc.ExtractTag<Rpcs, Tag>>, Rpc.Error<Rpc.ExtractTag<Rpcs, Tag>>>
}

/**
 * Everything the shell needs to run one type of actor. All functions must be pure; the shell may call them any number
 * of times.
 */
export interface ActorDefinition<
  Type extends string,
  Rpcs extends Rpc.Any,
  State,
  Event extends { readonly _tag: string },
  Signal extends { readonly _tag: string } = never,
  Activity extends { readonly key: string } = never,
  Doc = any,
  Resource = any
> {
  /** The actor's commands as a cluster entity; make its protocol with `protocol` (Protocol.ts). */
  readonly entity: Entity.Entity<Type, Rpcs>
  readonly state: JsonCodec<State>
  readonly event: JsonCodec<Event>
  /**
   * Raise it when `state` changes shape so that old snapshots cannot be decoded. Snapshots of another version are
   * ignored, and the whole journal is folded again. An actor whose journal has been pruned cannot load without its
   * snapshot: prefer giving new fields a decoding default over raising the version.
   */
  readonly stateVersion: number
  /** State before the first event. */
  readonly initial: (entityId: string) => State
  /**
   * Applies one event. It also replays stored events when the actor loads; a throw there keeps the actor from loading.
   */
  readonly evolve: (state: State, event: Event) => State
  readonly commands: CommandHandlers<Rpcs, State, Event, Resource>
  /** Decides what an activity reports. Signals are not stored; their events are. */
  readonly signal?: (state: State, signal: Signal, context: DecideContext<Resource>) => Decision<Event, void, never>
  /** Wake-ups that the state asks for. A timer stays due until an event removes it. */
  readonly timers?: (state: State) => ReadonlyArray<Timer>
  /**
   * Decides a due timer. When it throws, or the store refuses its events, the timer is retried with backoff, from 30 s
   * up to 1 h (Setbacks.ts).
   */
  readonly onTimer?: (state: State, key: string, context: DecideContext<Resource>) => Decision<Event, void, never>
  /** The side effects that should be running in this state, one per `key`. */
  readonly activities?: (state: State) => ReadonlyArray<Activity>
  /** The resource that decisions get in their context. */
  readonly resource?: ResourceDefinition<State, Resource>
  /** The document that lists read. */
  readonly view?: ViewDefinition<State, Doc>
  /** The tables that `rows` writes. Retention removes of their rows what has ended (Table.ts). */
  readonly tables?: ReadonlyArray<Table>
  /** Rows that an event writes, given the state before and after it. */
  readonly rows?: (event: Event, before: State, after: State) => ReadonlyArray<RowWrite>
  /** Messages that an event sends after those of its decision, given the state before and after it. */
  readonly sends?: (event: Event, before: State, after: State) => ReadonlyArray<Outgoing>
  /**
   * What must be told again after the actor has been loaded, since nobody knows what was heard before: messages made by
   * `tell`. An actor that tells anything has it, and an activity or a timer for as long as it has something to tell, so
   * that the next owner of its shard loads it.
   */
  readonly retells?: (state: State, context: RetellContext) => ReadonlyArray<Outgoing>
  /**
   * True when the actor can be forgotten without loss: its purpose is over, and the next caller may find it new. An
   * actor that has ended and has not been addressed for as long as history is kept is removed with its snapshot,
   * wake-up and view. Absent: the actor is kept for ever.
   */
  readonly isEnded?: (state: State) => boolean
  /**
   * Tenant whose secrets (schema/Secret.ts) an event or a state holds, given as encoded: an envelope of one tenant
   * cannot be read as another's. The answer must stay the same for what is stored. Undefined: they are no tenant's.
   */
  readonly secretTenant?: (encoded: any) => string | undefined
  /**
   * A snapshot is taken after this many journal entries, after eight times as many events, or earlier when the entries
   * are large (LoadedActor.ts). 256 when absent.
   */
  readonly snapshotEvery?: number
}

/**
 * Fixes the types of an actor once, so that its handlers need no annotations: `define<State, Event, Signal,
 * Activity>()({ … })`.
 */
export const define =
  <
    State,
    Event extends { readonly _tag: string },
    Signal extends { readonly _tag: string } = never,
    Activity extends { readonly key: string } = never
  >() =>
  <Type extends string, Rpcs extends Rpc.Any, Doc = never, Resource = unknown>(
    definition: ActorDefinition<Type, Rpcs, State, Event, Signal, Activity, Doc, Resource>
  ): ActorDefinition<Type, Rpcs, State, Event, Signal, Activity, Doc, Resource> =>
    definition

/** Stores `events`, replies with `value` and sends `send` after the commit. */
export const accept = <Event, A>(
  events: ReadonlyArray<Event>,
  value: A,
  send: ReadonlyArray<Outgoing> = []
): Decision<Event, A, never> => ({ events, answer: { _tag: "Success", value }, send })

/** Replies with a typed error. Nothing is written, and the refusal is not recorded. */
export const refuse = <E>(error: E): Decision<never, never, E> => ({
  events: [],
  answer: { _tag: "Failure", error },
  send: []
})

/** Replies from the state. Nothing is written. */
export const answer = <A>(value: A): Decision<never, A, never> => accept([], value)

/** Stores events without a reply, for signals and timers. */
export const note = <Event>(
  events: ReadonlyArray<Event>,
  send: ReadonlyArray<Outgoing> = []
): Decision<Event, void, never> => accept(events, undefined, send)
