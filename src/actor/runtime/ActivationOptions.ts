/** What an activation and its parts are given: what all actors of a type share, and what an activity may do. */
import type { Clock, Context, Effect } from "effect"
import type { ActorUnavailable } from "../../schema/Errors.ts"
import type { Handed, Outgoing } from "../Actor.ts"
import type { Definition } from "../commit/PendingCommit.ts"
import type { Journal } from "../Journal.ts"
import type { DeliverTo } from "../outbox/OutboxRelay.ts"
import type { Ownership } from "../Ownership.ts"
import type { ActorCodec } from "../state/Codec.ts"
import type { AnswersKept } from "../state/ReplyCache.ts"
import type { ResourceLoader } from "../state/ResourceLoader.ts"
import type { EncodeView } from "../state/ViewCodec.ts"
import type { TellTo } from "../told/Courier.ts"
import type { WakeScheduler } from "./WakeScheduler.ts"

/** A signal that the actor decides in the commit that is being prepared. `onCommitted` runs once it is committed. */
export interface Proposal<Signal> {
  readonly signal: Signal
  readonly onCommitted: Effect.Effect<void>
}

/** What all actors of one type share. */
export interface ActivationOptions {
  readonly definition: Definition
  readonly codec: ActorCodec<any, any>
  /** Present when the actor has a view. */
  readonly encodeView: EncodeView | undefined
  /** Present when the actor uses resources. */
  readonly resources: ResourceLoader | undefined
  readonly journal: Journal["Service"]
  readonly ownership: Ownership["Service"]
  readonly wakes: WakeScheduler["Service"]
  readonly deliver: DeliverTo
  readonly tell: TellTo
  /** Calls an actor's own `Hold`. */
  readonly hold: (entityId: string) => Effect.Effect<void>
  readonly perform: (activity: any, self: ActivationSelf) => Effect.Effect<void>
  readonly take: ((handed: ReadonlyArray<Handed>, self: ActivationSelf) => Effect.Effect<void>) | undefined
  readonly propose:
    | ((state: any, now: number) => Effect.Effect<Proposal<{ readonly _tag: string }> | undefined>)
    | undefined
  /** Called after each commit with its events, encoded, and the state before it. */
  readonly onCommitted:
    | ((events: ReadonlyArray<{ readonly _tag: string }>, before: any) => Effect.Effect<void>)
    | undefined
  readonly maxBatch: number
  readonly mailboxCapacity: number
  readonly answersKept: AnswersKept
  /**
   * Tags of commands that changed nothing when they were last decided, for which `peek` is tried first. Shared by all
   * actors of the type.
   */
  readonly quiet: Set<string>
  /** Milliseconds after a delivery by the cluster during which the fast path may reach the actor. */
  readonly freshMillis: number
  readonly clock: Clock.Clock
  /** Context of the fibers that decide. */
  readonly context: Context.Context<never>
}

/** What an activity may do with its actor. */
export interface ActivationSelf {
  readonly entityId: string
  readonly epoch: number
  readonly tell: (signal: any) => Effect.Effect<void, ActorUnavailable>
  readonly report: (signal: any) => Effect.Effect<void>
  readonly state: Effect.Effect<any>
  /** The state, read at once. */
  readonly committed: () => any
  readonly tellOthers: (messages: ReadonlyArray<Outgoing>) => Effect.Effect<void>
  readonly isOwner: () => boolean
}
