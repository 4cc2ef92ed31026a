/** Every path with its methods: used to distinguish a wrong method from an unknown path, and by a test. */
import { HttpApi } from "effect/http-api"
import { aliasPrefix, Api, apiPrefix } from "../api/Api.ts"

export interface Route {
  readonly method: string
  /** Parameters are written as `:name`. */
  readonly path: string
}

/** Routes outside the REST contract. `/rpc` is served by POST and as a WebSocket, `/events` and `/ws` as WebSockets. */
export const plainRoutes: ReadonlyArray<Route> = [
  { method: "GET", path: "/health" },
  { method: "GET", path: "/live" },
  { method: "GET", path: "/ready" },
  { method: "GET", path: "/metrics" },
  { method: "GET", path: "/openapi.json" },
  { method: "GET", path: "/docs" },
  { method: "GET", path: "/events" },
  { method: "GET", path: "/ws" },
  { method: "GET", path: "/rpc" },
  { method: "POST", path: "/rpc" }
]

const ofApi = (): ReadonlyArray<Route> => {
  const routes: Array<Route> = []
  HttpApi.reflect(Api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint }) => {
      for (const prefix of [apiPrefix, aliasPrefix]) {
        routes.push({ method: endpoint.method, path: `${prefix}${endpoint.path}` })
      }
    }
  })
  return routes
}

export const routes: ReadonlyArray<Route> = [...plainRoutes, ...ofApi()]

const compiled = routes.map(({ method, path }) => ({
  method,
  path,
  pattern: new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/:[^/]+/g, "[^/]+")}/?$`)
}))

/** The documented path of a request, which keeps the number of metric labels small; undefined when there is none. */
export const routeOf = (method: string, pathname: string): string | undefined =>
  compiled.find((route) => route.method === method && route.pattern.test(pathname))?.path

/** Empty when the path does not exist. */
export const methodsOf = (pathname: string): ReadonlyArray<string> => [
  ...new Set(compiled.filter(({ pattern }) => pattern.test(pathname)).map(({ method }) => method))
]
