/** Flags of every command that uses the API. They may be at any position of the command line. */
import { Schema } from "effect"
import { Flag, GlobalFlag } from "effect/cli"
import { TenantId } from "../schema/Ids.ts"

export const Url = GlobalFlag.Setting("url")({
  flag: Flag.String("url").pipe(
    Flag.withMetavar("URL"),
    Flag.withSchema(
      Schema.String.check(Schema.isPattern(/^https?:\/\/[^\s/]+/, { expected: "an http:// or https:// URL" }))
    ),
    Flag.optional,
    Flag.withDescription("Gateway (CLAWSTER_URL, or what `clawster up` wrote; http://127.0.0.1:7373)")
  )
})

export const ApiKey = GlobalFlag.Setting("api-key")({
  flag: Flag.Redacted("api-key").pipe(
    Flag.withMetavar("KEY"),
    Flag.optional,
    Flag.withDescription("API key (CLAWSTER_API_KEY, or what `clawster up` wrote)")
  )
})

export const Tenant = GlobalFlag.Setting("tenant")({
  flag: Flag.String("tenant").pipe(
    Flag.withMetavar("TENANT"),
    Flag.withSchema(TenantId),
    Flag.optional,
    Flag.withDescription("Tenant to act for; needed when the key belongs to none")
  )
})

export const Json = GlobalFlag.Setting("json")({
  flag: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Print JSON instead of tables; with --watch, one event a line")
  )
})

export const all = [Url, ApiKey, Tenant, Json] as const
