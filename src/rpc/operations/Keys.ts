/** API keys and their roles. */
import { ApiKeyInfo, CreatedKey, CreateKey, KeyId } from "../../schema/access/ApiKeyInfo.ts"
import { pageQuery } from "../../schema/lists/Page.ts"
import { action } from "../Authentication.ts"
import { page } from "./Fields.ts"
import { change, noun, read } from "./Operation.ts"

const may = { read: action("key:read", "admin"), write: action("key:write", "admin") }

export const Keys = noun("Keys", "API keys and their roles.", {
  create: change("CreateKey", {
    action: may.write,
    summary: "Create an API key",
    description: "The token is told once: only its hash is kept.",
    payload: CreateKey.fields,
    success: CreatedKey,
    rest: { method: "POST", path: "/keys", status: 201, body: CreateKey },
    cli: "key create"
  }),
  list: read("ListKeys", {
    action: may.read,
    summary: "List API keys",
    description: "Oldest first, revoked ones too.",
    payload: pageQuery,
    success: page(ApiKeyInfo, "ApiKeyPage"),
    rest: { method: "GET", path: "/keys" },
    cli: "key list"
  }),
  revoke: change("RevokeKey", {
    action: may.write,
    summary: "Revoke an API key",
    description: "Takes effect everywhere within seconds.",
    payload: { keyId: KeyId },
    success: ApiKeyInfo,
    rest: { method: "DELETE", path: "/keys/:keyId" },
    cli: "key revoke"
  })
})
