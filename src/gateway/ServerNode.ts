/** The edge on a port of this machine. */
import { NodeHttpServer } from "@effect/platform-node"
import { Layer } from "effect"
import { createServer } from "node:http"
import * as Server from "./Server.ts"
import { requestBytes } from "../schema/text/Bounds.ts"

/** Open sockets are told, requests under way may end in this time. */
const shutdownWithin = "10 seconds"

/** For a request to come whole, so that one that does not end holds no room for its body. */
const requestWithin = 60_000

/** HTTP/1.1 only, since the event socket needs it. Port 0: any free one; `HttpServer.HttpServer` says which. */
export const layer = (options: { readonly host: string; readonly port: number }) =>
  Server.layer.pipe(
    Layer.provideMerge(
      NodeHttpServer.layerServer(() => createServer({ maxHeaderSize: 32_768, requestTimeout: requestWithin }), {
        host: options.host,
        port: options.port,
        gracefulShutdownTimeout: shutdownWithin,
        websocket: { maxPayload: requestBytes.bulk, perMessageDeflate: false }
      })
    )
  )
