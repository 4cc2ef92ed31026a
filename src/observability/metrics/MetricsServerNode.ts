/**
 * A separate port for `/metrics`, for processes without another HTTP server, and for gateways that expose all metrics.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Layer } from "effect"
import { HttpRouter, type HttpServerError } from "effect/http"
import { createServer } from "node:http"
import * as Observability from "../Observability.ts"
import * as ProcessMetricsNode from "./ProcessMetricsNode.ts"

export const layer = (options: {
  readonly host: string
  readonly port: number
}): Layer.Layer<never, HttpServerError.ServeError> =>
  HttpRouter.serve(Observability.layerMetrics, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provide(NodeHttpServer.layer(createServer, options)),
    Layer.merge(ProcessMetricsNode.layer)
  )
