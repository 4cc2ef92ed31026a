/**
 * State shared by the activities of one Instance on one runner: the supervision publishes the link, the runs use it. It
 * is in memory, and valid only for the epoch under which it was made.
 */
import { Effect, type Scope } from "effect"
import type { GatewayLink } from "../../../openclaw/GatewayLink.ts"
import { Board } from "../board/Board.ts"
import { retryWait, tidy } from "../InstancePolicy.ts"

export class LinkPost {
  readonly epoch: number
  /**
   * Keys of runs and steered messages that may have been sent from here. A run accepted under this epoch and not in the
   * set was certainly not sent.
   */
  readonly begun = new Set<string>()
  readonly board = new Board()
  #link: GatewayLink | undefined
  #waiting: Array<() => void> = []
  readonly #givenUp = new Map<string, string>()
  /** Unix milliseconds of the last run's end by session key, in the order of the ends. */
  readonly #ended = new Map<string, number>()

  constructor(epoch: number) {
    this.epoch = epoch
  }

  /** Publishes the link until the scope closes. */
  show(link: GatewayLink): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => {
        this.#link = link
        for (const wake of this.#waiting.splice(0)) wake()
      }),
      () =>
        Effect.sync(() => {
          if (this.#link === link) this.#link = undefined
        })
    )
  }

  /** Records that a run in this session of the gateway has ended. */
  ended(sessionKey: string, now: number): void {
    this.#ended.delete(sessionKey)
    if (this.#ended.size < tidy.noted) this.#ended.set(sessionKey, now)
  }

  /** Records a run that was given up and may continue at the gateway; it is aborted there when the gateway is back. */
  givenUp(runId: string, sessionKey: string): void {
    if (this.#givenUp.size < tidy.noted) this.#givenUp.set(runId, sessionKey)
  }

  /** Removes and returns all runs that were given up. */
  takeGivenUp(): ReadonlyArray<readonly [runId: string, sessionKey: string]> {
    const taken = [...this.#givenUp]
    this.#givenUp.clear()
    return taken
  }

  /** Removes and returns at most `most` sessions whose last run ended at or before `time`. */
  endedBefore(time: number, most: number): ReadonlyArray<string> {
    const taken: Array<string> = []
    for (const [key, at] of this.#ended) {
      if (at > time || taken.length >= most) break
      taken.push(key)
    }
    for (const key of taken) this.#ended.delete(key)
    return taken
  }

  /** Drops the keys in `begun` that are no longer in flight. */
  keep(underWay: ReadonlySet<string>): void {
    for (const key of this.begun) if (!underWay.has(key)) this.begun.delete(key)
  }

  /** The link while it is connected, undefined otherwise. It does not wait. */
  readonly current: Effect.Effect<GatewayLink | undefined> = Effect.suspend(() => {
    const link = this.#link
    if (link === undefined) return Effect.undefined
    return Effect.map(link.status, ({ _tag }) => (_tag === "connected" ? link : undefined))
  })

  /** Completes with a connected link. Waits for one without a time limit of its own. */
  readonly connected: Effect.Effect<GatewayLink> = Effect.suspend(() => {
    const link = this.#link
    if (link === undefined) return Effect.andThen(this.#changed, this.connected)
    return Effect.flatMap(link.status, (status) =>
      status._tag === "connected" ? Effect.succeed(link) : this.#reconnected(link)
    )
  })

  #reconnected(link: GatewayLink): Effect.Effect<GatewayLink> {
    return Effect.matchEffect(link.ready, {
      onSuccess: () => Effect.succeed(link),
      onFailure: () => Effect.andThen(Effect.sleep(retryWait.first), this.connected)
    })
  }

  get #changed(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      /** Another fiber may have published a link since it was checked. */
      if (this.#link !== undefined) return resume(Effect.void)
      const wake = () => resume(Effect.void)
      this.#waiting.push(wake)
      return Effect.sync(() => {
        this.#waiting = this.#waiting.filter((other) => other !== wake)
      })
    })
  }
}

export class LinkRegistry {
  /** One post per instance that was active on this runner, until the instance is deregistered here. */
  readonly #posts = new Map<string, LinkPost>()

  post(entityId: string, epoch: number): LinkPost {
    const known = this.#posts.get(entityId)
    if (known !== undefined && known.epoch === epoch) return known
    const post = new LinkPost(epoch)
    this.#posts.set(entityId, post)
    return post
  }

  /** The post, of which no more is kept than there was: for an instance that is gone. */
  passing(entityId: string, epoch: number): LinkPost {
    const known = this.#posts.get(entityId)
    return known?.epoch === epoch ? known : new LinkPost(epoch)
  }

  /** Removes the post of an instance that is deregistered and has no runs any more. */
  remove(entityId: string): void {
    this.#posts.delete(entityId)
  }

  get size(): number {
    return this.#posts.size
  }
}
