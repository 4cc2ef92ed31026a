/**
 * The background work of one activation: activities, relays, snapshots, and the call that keeps the actor resident
 * meanwhile. Created with the first of them and dropped with the last, because most actors in memory have none.
 */
import { Effect, Fiber } from "effect"
import { Activities } from "./Activities.ts"
import { KeepAlive } from "./KeepAlive.ts"
import type { ActorAddress, OutboxMessage, Piece, StoreUnavailable } from "../Journal.ts"
import { OutboxRelay } from "../outbox/OutboxRelay.ts"
import { Courier } from "../told/Courier.ts"
import type { Outgoing } from "../Actor.ts"
import type { ActivationOptions, ActivationSelf } from "../runtime/ActivationOptions.ts"

export class BackgroundWork {
  readonly #activities: Activities<any>
  readonly #relay: OutboxRelay
  readonly #courier: Courier
  readonly #keepAlive: KeepAlive
  readonly #onRest: () => void
  readonly #fibers = new Set<Fiber.Fiber<unknown>>()
  #isBeginning = false

  constructor(options: ActivationOptions, address: ActorAddress, self: ActivationSelf, onRest: () => void) {
    const { entityId, entityType } = address
    this.#activities = new Activities(
      (activity) => options.perform(activity, self),
      (effect) => this.fork(Effect.annotateLogs(effect, { entityType, entityId }))
    )
    this.#relay = new OutboxRelay(address, options.journal, options.deliver, () => this.#settle())
    this.#courier = new Courier(options.tell, self.committed, () => this.#settle())
    this.#keepAlive = new KeepAlive(options.hold(entityId))
    this.#onRest = onRest
  }

  /** Completes when nothing keeps the actor resident. */
  get released(): Effect.Effect<void> {
    return this.#keepAlive.released
  }

  /** Relays and tells the committed messages, starts the wanted activities and interrupts all others. */
  begin(
    outbox: ReadonlyArray<OutboxMessage>,
    told: ReadonlyArray<Outgoing>,
    wanted: ReadonlyArray<any>
  ): Effect.Effect<void> {
    /** Set before the effect runs: the last fiber may end in between, and this object would be dropped. */
    this.#isBeginning = true
    return Effect.suspend(() =>
      this.#start([...this.#relay.offer(outbox, false), ...this.#courier.offer(told)], wanted)
    )
  }

  /** The same after loading, including the messages that earlier activations have left in the outbox. */
  resume(
    outbox: Piece<OutboxMessage>,
    told: ReadonlyArray<Outgoing>,
    wanted: ReadonlyArray<any>
  ): Effect.Effect<void, StoreUnavailable> {
    this.#isBeginning = true
    return Effect.flatMap(this.#relay.restore(outbox), (relays) =>
      this.#start([...relays, ...this.#courier.offer(told)], wanted)
    )
  }

  /** Tells these, too. */
  carry(told: ReadonlyArray<Outgoing>): Effect.Effect<void> {
    this.#isBeginning = true
    return Effect.gen({ self: this }, function* () {
      for (const delivery of this.#courier.offer(told)) yield* this.fork(delivery)
      const staying = this.#keepAlive.settle(this.#isBusy)
      if (staying !== undefined) yield* this.fork(staying)
      this.#isBeginning = false
      this.#restIfDone()
    })
  }

  #start(relays: ReadonlyArray<Effect.Effect<void>>, wanted: ReadonlyArray<any>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      for (const relay of relays) yield* this.fork(relay)
      yield* this.#activities.sync(wanted)
      const staying = this.#keepAlive.settle(this.#isBusy)
      if (staying !== undefined) yield* this.fork(staying)
      this.#isBeginning = false
      this.#restIfDone()
    })
  }

  /** Runs the effect in the background until `end`. */
  fork<A>(effect: Effect.Effect<A>): Effect.Effect<Fiber.Fiber<A>> {
    const forked = Effect.map(Effect.forkDetach(effect), (fiber) => {
      this.#fibers.add(fiber)
      fiber.addObserver(() => {
        this.#fibers.delete(fiber)
        this.#restIfDone()
      })
      return fiber
    })
    return Effect.uninterruptible(forked)
  }

  /** Interrupts all background work and waits until it has ended. */
  get end(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#keepAlive.settle(false)
      return Fiber.interruptAll([...this.#fibers])
    })
  }

  get #isBusy(): boolean {
    return this.#activities.busy || this.#relay.busy || this.#courier.busy
  }

  #settle(): void {
    if (!this.#isBusy) this.#keepAlive.settle(false)
  }

  #restIfDone(): void {
    if (this.#fibers.size === 0 && !this.#isBeginning && !this.#isBusy) this.#onRest()
  }
}
