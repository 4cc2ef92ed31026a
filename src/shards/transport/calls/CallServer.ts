/**
 * The runner side of the fast path: hands each call of a message to its activation, if the actor is resident here, and
 * returns answers as the actors give them.
 */
import { type Cause, type Context, Effect, Exit, Layer, Queue } from "effect"
import { RunnerServer } from "effect/cluster"
import { RpcServer } from "effect/rpc"
import { ActivationDirectory } from "../../../actor/runtime/ActivationDirectory.ts"
import {
  arrayOf,
  Call,
  Calls,
  encodeExit,
  messagesOf,
  RunnerRpcs,
  type WireAnswer,
  type WireCall
} from "./CallMessages.ts"

const itself = (text: string) => text

/**
 * Gathers the answers of one turn of the event loop into one text, or into several when they are long. The queue ends
 * with the last answer.
 */
class Answers {
  readonly #queue: Queue.Queue<string, Cause.Done>
  readonly #context: Context.Context<never>
  #left: number
  /** Each is the JSON of a `WireAnswer`. */
  #ready: Array<string> = []

  constructor(queue: Queue.Queue<string, Cause.Done>, context: Context.Context<never>, calls: number) {
    this.#queue = queue
    this.#context = context
    this.#left = calls
  }

  give(answer: WireAnswer): void {
    if (this.#ready.push(JSON.stringify(answer)) === 1)
      Effect.runForkWith(this.#context)(Effect.andThen(Effect.yieldNow, this.#send))
  }

  readonly #send = Effect.sync(() => {
    const ready = this.#ready
    this.#ready = []
    this.#left -= ready.length
    for (const texts of messagesOf(ready, itself)) Queue.offerUnsafe(this.#queue, arrayOf(texts))
    if (this.#left === 0) Queue.endUnsafe(this.#queue)
  })
}

const hand = (
  activations: ActivationDirectory["Service"],
  call: WireCall,
  give: (answer: WireAnswer) => void
): void => {
  const [n, entityType, entityId, tag, requestId, fingerprint, encoded] = call
  const residence = activations.find(entityType, entityId)
  const codec = residence?.codecOf(tag)
  if (residence === undefined || codec === undefined) return give([n, "elsewhere"])
  const resume = (exit: Exit.Exit<unknown, unknown>) => give(encodeExit(n, exit, codec))
  try {
    const payload = codec.decodePayload(encoded)
    if (!residence.ask({ tag, payload, requestId, fingerprint, again: false, resume })) give([n, "elsewhere"])
  } catch (defect) {
    resume(Exit.die(defect))
  }
}

const many = RunnerRpcs.toLayerHandler(
  Calls._tag,
  Effect.map(
    ActivationDirectory,
    (activations) =>
      ({ calls }: { readonly calls: string }) =>
        Effect.gen(function* () {
          const wanted = JSON.parse(calls) as ReadonlyArray<WireCall>
          const queue = yield* Queue.make<string, Cause.Done>()
          const answers = new Answers(queue, yield* Effect.context<never>(), wanted.length)
          for (const call of wanted) hand(activations, call, (answer) => answers.give(answer))
          return queue
        })
  )
)

const one = RunnerRpcs.toLayerHandler(
  Call._tag,
  Effect.map(
    ActivationDirectory,
    (activations) =>
      ({ call }: { readonly call: string }) =>
        Effect.callback<string>((resume) =>
          hand(activations, JSON.parse(call) as WireCall, (answer) => resume(Effect.succeed(JSON.stringify(answer))))
        )
  )
)

/** Replaces `RunnerServer.layer`, with handlers for `Calls` and `Call` as well. */
export const layer = RpcServer.layer(RunnerRpcs, {
  spanPrefix: "RunnerServer",
  disableTracing: true,
  disableFatalDefects: true
}).pipe(Layer.provide([RunnerServer.layerHandlers, many, one]))
