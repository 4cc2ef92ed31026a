/**
 * What holds for tenants as far as nothing else was set: `CLAWSTER_TENANT_DEFAULTS`, as JSON, or a file in JSON or
 * YAML. A value that is not as documented fails the start, with each field at fault.
 */
import { Effect, Layer, Option, Schema } from "effect"
import { readFileSync } from "node:fs"
import { parse } from "yaml"
import { TenantDefaults } from "../ports/tenants/Tenants.ts"
import { TenantDefaults as Defaults } from "../schema/Tenant.ts"
import { faultsOf } from "../schema/text/FieldFaults.ts"
import { StartFailed } from "./launch/StartFailed.ts"
import * as Catalogue from "./settings/Catalogue.ts"

const { name } = Catalogue.tenantDefaults

const failed = (what: string) =>
  new StartFailed({
    message: `${name}: ${what}`,
    advice: `give {"weight": 1, "caps": {"pending": 10000}}, or a file with it; the caps are those of PUT /tenants, see /docs`
  })

/** JSON begins with a brace, and no path that anybody means does. */
const textOf = (given: string) =>
  given.trimStart().startsWith("{")
    ? Effect.succeed({ text: given, where: "" })
    : Effect.try({
        try: () => ({ text: readFileSync(given, "utf8"), where: ` in ${given}` }),
        catch: (error) =>
          failed(`the file ${given} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`)
      })

const decode = Schema.decodeUnknownResult(Defaults, { errors: "all", onExcessProperty: "error" })

export const read = Effect.fnUntraced(function* (given: string) {
  const { text, where } = yield* textOf(given)
  const value = yield* Effect.try({
    try: (): unknown => parse(text),
    catch: (error) => failed(`${String((error as Error).message).split("\n")[0]}${where}`)
  })
  const decoded = decode(value)
  if (decoded._tag === "Success") return decoded.success
  const faults = faultsOf(decoded.failure.issue).map(
    ({ expected, path }) => `${path === "" ? "the whole" : path}: expected ${expected}`
  )
  return yield* failed(`${faults.slice(0, 5).join("; ")}${where}`)
})

/** No caps and weight 1 when the setting is absent. */
export const configured = Effect.flatMap(Catalogue.tenantDefaults.config, (given) =>
  Option.isNone(given) ? Effect.succeed<Defaults>({}) : read(given.value)
)

export const layerConfig = Layer.effect(TenantDefaults, configured)
