/** The edge of `GatewayRig.ts` on a free port of this machine. */
import { Context, Effect, Layer } from "effect"
import { HttpServer } from "effect/http"
import * as ServerNode from "../../src/gateway/ServerNode.ts"
import { Tokens, world } from "./GatewayRig.ts"

export class Url extends Context.Service<Url, string>()("test/Url") {}

const url = Layer.effect(
  Url,
  Effect.map(HttpServer.HttpServer, ({ address }) => {
    const { port } = address as { readonly port: number }
    return `http://127.0.0.1:${port}`
  })
)

export const layer = Layer.mergeAll(
  url.pipe(Layer.provideMerge(ServerNode.layer({ host: "127.0.0.1", port: 0 }))),
  Tokens.layer
).pipe(Layer.provideMerge(world))
