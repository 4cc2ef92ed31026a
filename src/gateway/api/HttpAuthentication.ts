/**
 * Two middlewares. The first only authenticates. The second asks the policy whether the principal has the action that
 * the endpoint is annotated with. A single middleware would answer 401 to a valid key of the wrong role.
 */
import { Context } from "effect"
import { HttpApiMiddleware, HttpApiSecurity, OpenApi } from "effect/http-api"
import { type Action, type CurrentPrincipal, RequiredAction } from "../../rpc/Authentication.ts"
import { problems } from "./Problem.ts"

export class Authenticate extends HttpApiMiddleware.Service<Authenticate, { provides: CurrentPrincipal }>()(
  "clawster/gateway/Authenticate",
  {
    error: problems.Unauthenticated.schema,
    security: {
      apiKey: HttpApiSecurity.bearer.pipe(
        HttpApiSecurity.annotate(OpenApi.Description, "An API key: `claw_<key id>_<secret>`."),
        HttpApiSecurity.annotate(OpenApi.Format, "claw_")
      )
    }
  }
) {}

export class Authorise extends HttpApiMiddleware.Service<Authorise, { requires: CurrentPrincipal }>()(
  "clawster/gateway/Authorise",
  { error: problems.Forbidden.schema }
) {}

/** Annotations of an endpoint: its action and its documentation. */
export const endpoint = (action: Action, summary: string, description: string): Context.Context<never> =>
  Context.merge(
    OpenApi.annotations({ summary, description }),
    Context.make(RequiredAction, action) as unknown as Context.Context<never>
  )

/** Annotations of an endpoint that needs no key. */
export const publicEndpoint = (summary: string, description: string): Context.Context<never> =>
  OpenApi.annotations({ summary, description })
