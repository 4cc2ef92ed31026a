/**
 * An actor of your own: a bank account. Everything it decides is durable before it answers, a repeated request id is
 * answered and not done again, and it moves to another runner when its runner dies. Run it with `node
 * examples/account.ts`.
 */
import { Effect, Layer, Schema } from "effect"
import { Entity } from "effect/cluster"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  Actor,
  ActorClient,
  actorLayer,
  Cluster,
  command,
  Database,
  defaultPlacement,
  EmbeddedPostgres,
  migrate,
  protocol
} from "../src/index.ts"

class Overdrawn extends Schema.TaggedError<Overdrawn>()("Overdrawn", { balance: Schema.Int }) {}

const Account = Entity.fromRpcGroup(
  "ExampleAccount",
  protocol(
    command("Deposit", { payload: { amount: Schema.Int }, success: Schema.Int }),
    command("Withdraw", { payload: { amount: Schema.Int }, success: Schema.Int, error: Overdrawn }),
    command("Balance", { success: Schema.Int })
  )
)

const State = Schema.Struct({ balance: Schema.Int })
const Event = Schema.Union([
  Schema.TaggedStruct("account.deposited", { amount: Schema.Int }),
  Schema.TaggedStruct("account.withdrawn", { amount: Schema.Int })
])

const account = Actor.define<typeof State.Type, typeof Event.Type>()({
  entity: Account,
  state: State,
  event: Event,
  stateVersion: 1,
  initial: () => ({ balance: 0 }),
  evolve: ({ balance }, event) => ({
    balance: event._tag === "account.deposited" ? balance + event.amount : balance - event.amount
  }),
  commands: {
    Deposit: ({ balance }, { amount }) => Actor.accept([{ _tag: "account.deposited", amount }], balance + amount),
    Withdraw: ({ balance }, { amount }) =>
      amount > balance
        ? Actor.refuse(new Overdrawn({ balance }))
        : Actor.accept([{ _tag: "account.withdrawn", amount }], balance - amount),
    Balance: ({ balance }) => Actor.answer(balance)
  }
})

const database = Layer.unwrap(
  Effect.gen(function* () {
    const { url } = yield* EmbeddedPostgres.start({ directory: mkdtempSync(join(tmpdir(), "account-")) })
    return Layer.effectDiscard(migrate).pipe(Layer.provideMerge(Database.layer({ url })))
  })
)

const cluster = actorLayer(account).pipe(
  Layer.provideMerge(Cluster.layerSingle({ serves: [defaultPlacement] })),
  Layer.provide(database)
)

export const program = Effect.gen(function* () {
  const ada = (yield* ActorClient.make(Account))("ada")
  yield* ada.Deposit({ amount: 100 }, { requestId: "salary" })
  yield* ada.Deposit({ amount: 100 }, { requestId: "salary" })
  const refusal = yield* Effect.flip(ada.Withdraw({ amount: 500 }))
  return { balance: yield* ada.Balance(), refusal: refusal._tag }
}).pipe(Effect.provide(cluster))

if (import.meta.main) console.log(await Effect.runPromise(program))
