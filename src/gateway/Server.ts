/**
 * The whole edge as routes: REST under `/api/v1` and `/api`, RPC, the event socket, health, metrics and documents. The
 * caller provides the server (a port, or a web handler in tests). Requires the cluster (`Sharding`), the reads, the key
 * stores and the probes.
 */
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { RpcSerialization, RpcServer } from "effect/rpc"
import { Authenticator } from "../auth/Authenticator.ts"
import { KeyService } from "../auth/KeyService.ts"
import { ClientRpcs } from "../rpc/ClientRpcs.ts"
import { aliasPrefix, Api, apiPrefix } from "./api/Api.ts"
import { contentSecurityPolicy, docsPage } from "./DocsPage.ts"
import { openApiDocument } from "./OpenApiDocument.ts"
import { OverviewCounts } from "./events/OverviewCounts.ts"
import { EventHub } from "./events/EventHub.ts"
import * as EventsSocket from "./events/EventsSocket.ts"
import { ShutdownSignal } from "./events/ShutdownSignal.ts"
import { FeedHealth } from "./events/FeedHealth.ts"
import { RestHandlers } from "./handlers/RestHandlers.ts"
import { RpcHandlers } from "./handlers/RpcHandlers.ts"
import * as UseCaseTable from "./handlers/UseCaseTable.ts"
import { Health, healthResponse } from "./Health.ts"
import * as AuthenticationLayer from "./http/AuthenticationLayer.ts"
import * as HttpEnvelope from "./http/HttpEnvelope.ts"
import * as MetricsRoute from "./http/MetricsRoute.ts"
import { RestCall } from "./http/RestCall.ts"
import * as SocketLimit from "./http/SocketLimit.ts"

/** Maximum length of an id in a path, high enough for overlong ids to reach the schema that refuses them. */
export const routerConfig = { maxParamLength: 16_384 }

const useCases = Layer.mergeAll(UseCaseTable.layer, Health.layer).pipe(
  Layer.provide(FeedHealth.layer),
  Layer.provideMerge(Layer.mergeAll(KeyService.layer, Authenticator.layer, EventHub.layer, OverviewCounts.layer))
)

const handlers = RestHandlers.pipe(Layer.provide([RestCall.layer, AuthenticationLayer.layer]))

/** Both prefixes serve the same routes, so a request is the same request under either prefix. */
const rest = HttpApiBuilder.layer(Api)
const under = (prefix: string) =>
  Layer.fresh(rest).pipe(
    Layer.provide(
      Layer.effect(
        HttpRouter.HttpRouter,
        Effect.map(HttpRouter.HttpRouter, (router) => router.prefixed(prefix))
      )
    )
  )
const api = Layer.mergeAll(under(apiPrefix), under(aliasPrefix)).pipe(Layer.provide(handlers))

const rpcOver = (protocol: "http" | "websocket") => RpcServer.layerHttp({ group: ClientRpcs, path: "/rpc", protocol })

/** Closes an RPC socket when the server is about to stop; its client resends the pending calls to another gateway. */
const untilShutdown = HttpRouter.middleware(
  Effect.gen(function* () {
    const { said } = yield* ShutdownSignal
    const bounded = yield* SocketLimit.bounded
    return (socket) => bounded(Effect.raceFirst(socket, Effect.as(said, HttpServerResponse.empty())))
  })
).layer

const rpc = Layer.mergeAll(rpcOver("http"), Layer.provide(rpcOver("websocket"), untilShutdown)).pipe(
  Layer.provide([RpcHandlers, AuthenticationLayer.layer, RpcSerialization.layerNdjson])
)

const rootHealth = HttpRouter.use((router) =>
  Effect.flatMap(Health, ({ health, live, ready }) =>
    Effect.all(
      [
        router.add("GET", "/health", Effect.map(health, healthResponse)),
        router.add("GET", "/live", Effect.map(live, healthResponse)),
        router.add("GET", "/ready", Effect.map(ready, healthResponse))
      ],
      { discard: true }
    )
  )
)

const documents = HttpRouter.use((router) =>
  Effect.andThen(
    router.add(
      "GET",
      "/openapi.json",
      Effect.sync(() => HttpServerResponse.jsonUnsafe(openApiDocument()))
    ),
    router.add(
      "GET",
      "/docs",
      Effect.sync(() =>
        HttpServerResponse.text(docsPage(), {
          contentType: "text/html; charset=utf-8",
          headers: { "content-security-policy": contentSecurityPolicy }
        })
      )
    )
  )
)

/** Everything except the server and the sender of the shutdown signal. */
export const routes = Layer.mergeAll(
  api,
  rpc,
  EventsSocket.layer,
  rootHealth,
  documents,
  MetricsRoute.layer,
  HttpEnvelope.layer
).pipe(Layer.provide(useCases), Layer.provide(HttpServer.layerServices))

/** The last layer built, so that its finalizer sends the shutdown signal before anything else is released. */
const shutdownSignal = Layer.effectDiscard(Effect.flatMap(ShutdownSignal, ({ say }) => Effect.addFinalizer(() => say)))

/** Requires an HTTP server: see ServerNode.ts. */
export const layer = shutdownSignal.pipe(
  Layer.provideMerge(HttpRouter.serve(routes, { routerConfig, disableLogger: true, disableListenLog: true })),
  Layer.provide(ShutdownSignal.layer)
)
