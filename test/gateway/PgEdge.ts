/** A gateway over PostgreSQL on a free port of this machine, and an administrator's key. */
import { Context, Effect, Layer } from "effect"
import { DeploymentCaps } from "../../src/ports/DeploymentCaps.ts"
import * as Gateway from "../../src/runners/GatewayLayer.ts"
import { TenantId } from "../../src/schema/Ids.ts"

export class PgEdge extends Context.Service<PgEdge, { readonly url: string; readonly token: string }>()("test/PgEdge") {
  static readonly layer = Layer.effect(
    PgEdge,
    Effect.gen(function* () {
      const { keys, url } = yield* Gateway.start({
        host: "127.0.0.1",
        port: 0,
        defaultTenant: TenantId.make("acme"),
        socketsMost: 100,
        deploymentCaps: yield* DeploymentCaps
      })
      return { url, token: (yield* keys.create({ name: "test", role: "admin" })).token }
    })
  )
}
