/** The edge on a port of this machine. */
import { NodeHttpServer } from "@effect/platform-node"
import { Layer } from "effect"
import { createServer } from "node:http"
import * as Server from "./Server.ts"
import { requestBytes } from "../schema/text/Bounds.ts"

/** Timeout of the graceful shutdown, in which open sockets close and requests in flight may finish. */
const shutdownWithin = "10 seconds"

/**
 * Timeout in milliseconds for receiving a whole request, so that an unfinished request does not keep room for its body.
 */
const requestWithin = 60_000

/**
 * HTTP/1.1 only, because the event socket needs it. With port 0 a free port is chosen; `HttpServer.HttpServer` contains
 * it.
 */
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
