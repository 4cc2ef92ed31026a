/** Authentication and authorization of both edges (REST and RPC). */
import { Context, Effect, Layer, Option, Redacted } from "effect"
import { Authenticator } from "../../auth/Authenticator.ts"
import { permits } from "../../auth/Policy.ts"
import { spanAttributes } from "../../observability/metrics/Names.ts"
import { Authentication, CurrentPrincipal, RequiredAction } from "../../rpc/Authentication.ts"
import { ActorUnavailable, Forbidden } from "../../schema/Errors.ts"
import type { Principal } from "../../schema/access/Principal.ts"
import { Authenticate, Authorise } from "../api/HttpAuthentication.ts"
import { weigh } from "../../schema/text/ShortenEvent.ts"
import { errorResponse } from "./Respond.ts"
import { RequestMemory } from "./RequestMemory.ts"

/** An endpoint or RPC without an action is refused for everybody. */
export const refusal = (principal: Principal, annotations: Context.Context<never>): Forbidden | undefined => {
  const action = Context.getOption(annotations, RequiredAction)
  if (Option.isNone(action)) return new Forbidden({ message: "nobody may call this: it has no action" })
  if (permits(principal, action.value)) return undefined
  const required = action.value.role
  return new Forbidden({
    message: `a key of role ${principal.role} may not do this; it needs role ${required}`,
    required
  })
}

/** Annotates the request's span with the tenant of its key. */
const named = ({ tenantId }: Principal): Effect.Effect<void> =>
  tenantId === undefined ? Effect.void : Effect.annotateCurrentSpan(spanAttributes.tenantId, tenantId)

const authenticate = Layer.effect(
  Authenticate,
  Effect.map(Authenticator, (authenticator) =>
    Authenticate.of({
      apiKey: (handler, { credential }) =>
        authenticator.authenticate(Redacted.value(credential)).pipe(
          Effect.matchEffect({
            onFailure: (error) => Effect.succeed(errorResponse(error)),
            onSuccess: (principal) =>
              Effect.andThen(named(principal), Effect.provideService(handler, CurrentPrincipal, principal))
          })
        )
    })
  )
)

const authorise = Layer.succeed(Authorise, (handler, { endpoint }) =>
  Effect.flatMap(CurrentPrincipal, (principal) => {
    const refused = refusal(principal, endpoint.annotations)
    return refused === undefined ? handler : Effect.succeed(errorResponse(refused))
  })
)

const full = Effect.fail(
  new ActorUnavailable({
    reason: "Overloaded",
    message: "the requests under way are as long as they may be together; send the same request again later",
    retryAfterMillis: 1_000
  })
)

/**
 * Calls on one socket run concurrently, so the number of sockets does not bound them. The total size of their payloads
 * is bounded instead.
 */
const rpc = Layer.effect(
  Authentication,
  Effect.map(Authenticator, (authenticator) => {
    const memory = new RequestMemory()
    return Authentication.of((handler, { headers, payload, rpc }) => {
      const authenticated = Effect.flatMap(authenticator.authenticateHeader(headers["authorization"]), (principal) => {
        const refused = refusal(principal, rpc.annotations)
        return refused === undefined
          ? Effect.andThen(named(principal), Effect.provideService(handler, CurrentPrincipal, principal))
          : Effect.fail(refused)
      })
      return memory.holding(weigh(payload), authenticated, full)
    })
  })
)

export const layer = Layer.mergeAll(authenticate, authorise, rpc)
