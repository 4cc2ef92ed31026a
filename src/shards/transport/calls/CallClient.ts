/**
 * The client side of the fast path: calls to one runner in one turn of the event loop go in one message. A runner that
 * has not answered anything for `doubtAfterMillis` gets no more calls in this way until it answers; such calls go
 * through the cluster, which decides whether the runner is alive.
 */
import { Clock, Context, Effect, Exit, Layer, Queue, RcMap, type Scope } from "effect"
import type { RunnerAddress } from "effect/cluster"
import { RpcClient } from "effect/rpc"
import { Socket } from "effect/socket"
import type { CommandCodec } from "../../../actor/state/Codec.ts"
import { askHere, notHere, FastPath, type FastTarget } from "../../../actor/client/FastPath.ts"
import { type IncomingCall, ActivationDirectory } from "../../../actor/runtime/ActivationDirectory.ts"
import { unavailable } from "../../../actor/commit/CommandBatch.ts"
import { RunnerConnections, reconnect } from "../RunnerConnections.ts"
import { arrayOf, messagesOf, RunnerRpcs, type WireAnswer, type WireCall } from "./CallMessages.ts"
import { ShardRoutes } from "./ShardRoutes.ts"

/** Longer than a busy runner stalls, since each call through the cluster costs the runner several times as much. */
const doubtAfterMillis = 2_000
/** Maximum calls in flight to one runner. Beyond it, calls go through the cluster. */
const callsUnderWay = 32_768
/** Maximum characters of these calls. A single call may be longer. */
export const textUnderWay = 128 * 1024 * 1024

/** Sends the calls, passes each batch of answers to `take` as it arrives, and ends after the last one. */
type Send = (
  calls: ReadonlyArray<Written>,
  take: (answers: ReadonlyArray<WireAnswer>) => void
) => Effect.Effect<void, unknown, Scope.Scope>

/** A serialized call. `text`: JSON of a `WireCall`. */
interface Written {
  readonly n: number
  readonly text: string
}

const textOf = ({ text }: Written) => text

interface Waiting {
  readonly target: FastTarget
  readonly codec: CommandCodec
  readonly length: number
  readonly resume: IncomingCall["resume"]
}

const lost = Exit.fail(
  unavailable(
    "ConnectionLost",
    "the connection to the actor's runner was lost; send the same request id again to learn the outcome"
  )
)

/** The calls to one runner. Calls in flight when its connection closes fail with `ActorUnavailable`. */
class Outbound {
  readonly #send: Effect.Effect<Send, unknown, Scope.Scope>
  readonly #context: Context.Context<never>
  readonly #clock: Clock.Clock
  readonly #onElsewhere: (shardId: string) => void
  readonly #waiting = new Map<number, Waiting>()
  #next: Array<Written> = []
  #text = 0
  #n = 0
  #heardAt = 0

  constructor(
    send: Effect.Effect<Send, unknown, Scope.Scope>,
    context: Context.Context<never>,
    onElsewhere: (shardId: string) => void
  ) {
    this.#send = send
    this.#context = context
    this.#clock = Context.get(context, Clock.Clock)
    this.#onElsewhere = onElsewhere
  }

  /**
   * False when the call was not taken: the target has no codec for the command, the runner is in doubt, or a limit on
   * calls or characters is reached.
   */
  ask(target: FastTarget, { fingerprint, payload, requestId, resume, tag }: IncomingCall): boolean {
    const codec = target.codecOf(tag)
    if (codec === undefined) return false
    const now = this.#clock.currentTimeMillisUnsafe()
    if (this.#waiting.size === 0) this.#heardAt = now
    const isFull = this.#waiting.size >= callsUnderWay || this.#text >= textUnderWay
    if (isFull || now - this.#heardAt > doubtAfterMillis) return false
    const n = this.#n++
    const call: WireCall = [
      n,
      target.entityType,
      target.entityId,
      tag,
      requestId,
      fingerprint,
      codec.encodePayload(payload)
    ]
    const text = JSON.stringify(call)
    this.#waiting.set(n, { target, codec, length: text.length, resume })
    this.#text += text.length
    if (this.#next.push({ n, text }) === 1)
      Effect.runForkWith(this.#context)(Effect.andThen(Effect.yieldNow, this.#flush))
    return true
  }

  readonly #flush = Effect.suspend(() => {
    const calls = this.#next
    this.#next = []
    return Effect.forEach(messagesOf(calls, textOf), (message) => this.#message(message), {
      concurrency: "unbounded",
      discard: true
    })
  })

  #message(calls: ReadonlyArray<Written>): Effect.Effect<void> {
    return this.#send.pipe(
      Effect.flatMap((send) => send(calls, (answers) => this.#answer(answers))),
      Effect.scoped,
      Effect.ignoreCause,
      Effect.ensuring(
        Effect.sync(() => {
          for (const { n } of calls) this.#resume(n, lost)
        })
      )
    )
  }

  #answer(answers: ReadonlyArray<WireAnswer>): void {
    this.#heardAt = this.#clock.currentTimeMillisUnsafe()
    for (const [n, kind, content] of answers) {
      const waiting = this.#waiting.get(n)
      if (waiting === undefined) continue
      if (kind === "elsewhere") {
        this.#onElsewhere(waiting.target.shardId())
        this.#resume(n, notHere)
      } else if (kind === "defect") this.#resume(n, Exit.die(content))
      else {
        const answer = waiting.codec.decodeAnswer(content)
        this.#resume(n, answer._tag === "Success" ? Exit.succeed(answer.value) : Exit.fail(answer.error))
      }
    }
  }

  #resume(n: number, exit: Exit.Exit<unknown, unknown>): void {
    const waiting = this.#waiting.get(n)
    if (waiting === undefined) return
    this.#waiting.delete(n)
    this.#text -= waiting.length
    waiting.resume(exit)
  }
}

const clientOf = Effect.fnUntraced(function* (address: RunnerAddress.RunnerAddress) {
  const socket = yield* (yield* RunnerConnections).socket(address)
  const protocol = yield* RpcClient.makeProtocolSocket({ retryPolicy: reconnect }).pipe(
    Effect.provideService(Socket.Socket, socket)
  )
  const client = yield* RpcClient.make(RunnerRpcs, { spanPrefix: "Runners", disableTracing: true }).pipe(
    Effect.provideService(RpcClient.Protocol, protocol)
  )
  const send: Send = (calls, take) => {
    if (calls.length === 1) {
      return Effect.map(client.Call({ call: calls[0]!.text }), (answer) => take([JSON.parse(answer)]))
    }
    return Effect.flatMap(client.Calls({ calls: arrayOf(calls.map(textOf)) }, { asQueue: true }), (answers) =>
      Effect.forever(Effect.map(Queue.take(answers), (text) => take(JSON.parse(text))))
    )
  }
  return send
})

/** Calls to actors of this process, if it serves any, and to actors on the runners that `ShardRoutes` knows. */
export const layer = Layer.effect(
  FastPath,
  Effect.gen(function* () {
    const routes = yield* ShardRoutes
    const activations = yield* Effect.serviceOption(ActivationDirectory)
    const here = activations._tag === "Some" ? askHere(activations.value) : () => false
    const context = yield* Effect.context<never>()
    const outbounds = new Map<string, Outbound>()
    const keyOf = ({ host, port }: RunnerAddress.RunnerAddress) => `${host}:${port}`
    const clients = yield* RcMap.make({
      lookup: (address: RunnerAddress.RunnerAddress) =>
        Effect.andThen(
          Effect.addFinalizer(() => Effect.sync(() => outbounds.delete(keyOf(address)))),
          clientOf(address)
        ),
      idleTimeToLive: "3 minutes"
    })
    const outboundTo = (address: RunnerAddress.RunnerAddress) => {
      const key = keyOf(address)
      const known = outbounds.get(key) ?? new Outbound(RcMap.get(clients, address), context, routes.forgetShard)
      outbounds.set(key, known)
      return known
    }
    return FastPath.of({
      ask: (target, asked) => {
        if (here(target, asked)) return true
        const address = routes.find(target.shardId())
        return address !== undefined && outboundTo(address).ask(target, asked)
      }
    })
  })
)
