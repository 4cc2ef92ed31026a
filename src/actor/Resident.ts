/**
 * One actor in memory. It loads itself from the journal, decides its mail in rounds, commits each round, and answers after the commit. Memory never runs
 * ahead of the journal: when a commit fails or is in doubt this life ends, the next one loads again, and the callers are told to ask again.
 */
import { Effect, Latch } from "effect"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { Definition } from "./Batch.ts"
import type { ActorCodec } from "./Codec.ts"
import { Hold } from "./Hold.ts"
import type { ActorAddress, Journal } from "./Journal.ts"
import { Life } from "./Life.ts"
import { type Mail, Mailbox } from "./Mailbox.ts"
import type { DeliverTo } from "./OutboxPump.ts"
import type { Ownership } from "./Ownership.ts"
import type { Asked } from "./Residents.ts"
import { exitOf, refuseAll } from "./Round.ts"
import type { Wakes } from "./Wakes.ts"

export interface ResidentOptions {
  readonly definition: Definition
  readonly codec: ActorCodec<any, any>
  readonly address: ActorAddress
  readonly journal: Journal["Service"]
  readonly ownership: Ownership["Service"]
  readonly wakes: Wakes["Service"]
  readonly deliver: DeliverTo
  /** The actor's call to its own `Hold`. */
  readonly hold: Effect.Effect<void>
  readonly perform: (activity: any, self: ResidentSelf) => Effect.Effect<void>
  /** The events of a commit, encoded. */
  readonly onCommitted: ((events: ReadonlyArray<{ readonly _tag: string }>) => Effect.Effect<void>) | undefined
  readonly maxBatch: number
  readonly mailboxCapacity: number
  readonly answersKept: number
  /** Commands that changed nothing when they were last decided: worth a `peek`. Shared by all actors of the type. */
  readonly quiet: Set<string>
}

/** What an activity knows of its actor. */
export interface ResidentSelf {
  readonly entityId: string
  readonly epoch: number
  readonly tell: (signal: any) => Effect.Effect<void, ActorUnavailable>
  readonly state: Effect.Effect<any>
}

export interface Resident {
  readonly offer: (mail: Mail) => void
  /** Answers after the commit; at once what changes nothing, when it can (`Life.peek`). */
  readonly ask: (asked: Asked) => void
  /** The same, unless the shard is not ours any more, or as many wait as may: then nothing is done, and the answer is false. */
  readonly askIfOpen: (asked: Asked) => boolean
  /** Completes when the actor is loaded and has begun what it should be doing. */
  readonly loaded: Effect.Effect<void>
  /** Completes when nothing is under way. */
  readonly idle: Effect.Effect<void>
}

const moving = "the actor is moving or its store is away; send the same request again"

export const make = Effect.fnUntraced(function*(options: ResidentOptions) {
  const { address, ownership } = options
  const mailbox = new Mailbox()
  const loaded = Latch.makeUnsafe(false)
  const hold = new Hold(options.hold)
  let current: Life | undefined

  const refuse = mailbox.ready.pipe(
    Effect.andThen(Effect.sync(() => refuseAll(mailbox.take(Infinity), moving))),
    Effect.timeoutOption("100 millis")
  )
  const life = Effect.suspend(() => {
    const epoch = ownership.epochOf(address.shardId)
    if (epoch === undefined) return refuse
    current = new Life(options, mailbox, hold, loaded, epoch)
    return current.run
  }).pipe(
    Effect.scoped,
    Effect.catchCause((cause) =>
      Effect.logWarning("An actor was dropped and will be loaded again", cause).pipe(Effect.andThen(refuse))
    ),
    Effect.ensuring(Effect.sync(() => {
      current = undefined
      loaded.closeUnsafe()
    })),
    Effect.annotateLogs({ entityType: address.entityType, entityId: address.entityId })
  )
  yield* Effect.addFinalizer(() => Effect.sync(() => refuseAll(mailbox.take(Infinity), moving)))
  yield* Effect.forkScoped(Effect.forever(life))
  const ask = ({ again, fingerprint, payload, requestId, resume, tag }: Asked): void => {
    if (tag === "Deliver") return mailbox.offer({ _tag: "Delivery", ...payload, resume })
    const answer = again || fingerprint !== null ? undefined : current?.peek(tag, payload, requestId)
    if (answer !== undefined) return resume(exitOf(answer))
    mailbox.offer({ _tag: "Request", tag, payload, requestId, fingerprint, again, resume })
  }
  return {
    offer: (mail: Mail) => mailbox.offer(mail),
    ask,
    askIfOpen: (asked: Asked) => {
      if (mailbox.size >= options.mailboxCapacity || ownership.epochOf(address.shardId) === undefined) return false
      ask(asked)
      return true
    },
    loaded: loaded.await,
    idle: hold.released
  } satisfies Resident
})
