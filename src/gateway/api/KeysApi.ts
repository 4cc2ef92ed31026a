import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { ApiKeyInfo, CreatedKey, CreateKey, KeyId } from "../../schema/Access.ts"
import { pageOf, pageQuery } from "../../schema/Page.ts"
import { keyHeader } from "./Common.ts"
import { Authenticate, Authorise, endpoint } from "./HttpAuthentication.ts"
import { changeProblems, readProblems } from "./Problem.ts"

const create = HttpApiEndpoint.post("create", "/keys", {
  headers: keyHeader,
  payload: CreateKey,
  success: CreatedKey.pipe(HttpApiSchema.status(201)),
  error: changeProblems
}).annotateMerge(endpoint("key:write", "Create an API key", "The token is told once: only its hash is kept."))

const list = HttpApiEndpoint.get("list", "/keys", {
  query: pageQuery,
  success: pageOf(ApiKeyInfo).annotate({ identifier: "ApiKeyPage" }),
  error: readProblems
}).annotateMerge(endpoint("key:read", "List API keys", "Oldest first, revoked ones too."))

const revoke = HttpApiEndpoint.delete("revoke", "/keys/:keyId", {
  params: { keyId: KeyId },
  headers: keyHeader,
  success: ApiKeyInfo,
  error: changeProblems
}).annotateMerge(endpoint("key:write", "Revoke an API key", "Takes effect everywhere within seconds."))

export class KeysApi extends HttpApiGroup.make("keys")
  .add(create, list, revoke)
  .middleware(Authorise)
  .middleware(Authenticate)
  .annotateMerge(OpenApi.annotations({ title: "Keys", description: "API keys and their roles." })) {}
