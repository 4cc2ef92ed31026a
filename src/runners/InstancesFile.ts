/**
 * The file that declares a deployment's instances, in JSON or YAML: a list of registrations, or `{instances, prune}`.
 * Errors name the line.
 */
import { Effect, Layer, Option, Schema } from "effect"
import { readFileSync } from "node:fs"
import { type Document, LineCounter, parseDocument } from "yaml"
import * as DeclaredInstances from "../gateway/service/instances/DeclaredInstances.ts"
import { Instances } from "../gateway/service/instances/Instances.ts"
import { defaults } from "../gateway/service/instances/Registration.ts"
import { fieldFaults } from "../gateway/service/instances/SpecFields.ts"
import type { FieldFault } from "../schema/Errors.ts"
import { faultsOf } from "../schema/text/FieldFaults.ts"
import * as PgTombstones from "../shards/journal/PgTombstones.ts"
import * as PgCluster from "../shards/reads/PgCluster.ts"
import * as PgInstanceReads from "../shards/reads/PgInstanceReads.ts"
import * as ClusterInstanceOps from "./ClusterInstanceOps.ts"
import * as Catalogue from "./settings/Catalogue.ts"
import { StartFailed } from "./launch/StartFailed.ts"

const faultsTold = 5
const advice = "mend the file; each instance has the fields of POST /instances, see /docs"

const failed = (file: string, what: string) => new StartFailed({ message: `instances file ${file}${what}`, advice })

const textOf = (file: string) =>
  Effect.try({
    try: () => readFileSync(file, "utf8"),
    catch: (error) =>
      new StartFailed({
        message: `instances file ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
        advice: "name a file that is there and that this user can read, in CLAWSTER_INSTANCES or --instances-file"
      })
  })

/** Splits a path such as `instances[2].endpoint.url` into its keys. */
const keysOf = (path: string): ReadonlyArray<string | number> =>
  [...path.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, key]) => (index === undefined ? key! : Number(index)))

/** The line of the deepest part of the path that exists in the document. */
const lineOf = (document: Document, lines: LineCounter, path: string): number => {
  const keys = keysOf(path)
  for (let depth = keys.length; depth > 0; depth--) {
    const node = document.getIn(keys.slice(0, depth), true) as
      | { readonly range?: readonly [number, number, number] }
      | undefined
    if (node?.range !== undefined) return lines.linePos(node.range[0]).line
  }
  return 1
}

const ofFields = (declaration: DeclaredInstances.Declaration): ReadonlyArray<FieldFault> => {
  const first = new Map<string, number>()
  return declaration.instances.flatMap((one, index) => {
    const known = first.get(one.instanceId)
    if (known === undefined) first.set(one.instanceId, index)
    return [
      ...(known === undefined
        ? []
        : [{ path: "instanceId", expected: `an id of its own; instances[${known}] has it` }]),
      ...(one.driver === "remote" && one.endpoint === undefined
        ? [{ path: "endpoint", expected: "url and token of the running gateway, which driver remote needs" }]
        : []),
      ...fieldFaults(one.driver, one, defaults)
    ].map(({ expected, path }) => ({ path: `instances[${index}].${path}`, expected }))
  })
}

const decode = Schema.decodeUnknownResult(DeclaredInstances.Declaration, { errors: "all", onExcessProperty: "error" })

export const read = Effect.fnUntraced(function* (file: string) {
  const text = yield* textOf(file)
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const [error] = document.errors
  if (error !== undefined) {
    const what = error.message.split("\n")[0]!.replace(/ at line \d+, column \d+:?$/, "")
    return yield* failed(file, `, line ${lines.linePos(error.pos[0]).line}: ${what}`)
  }
  const value: unknown = document.toJS({ maxAliasCount: 100 })
  const isList = Array.isArray(value)
  const decoded = decode(isList ? { instances: value } : value)
  const faults = decoded._tag === "Failure" ? faultsOf(decoded.failure.issue) : ofFields(decoded.success)
  if (decoded._tag === "Success" && faults.length === 0) return decoded.success
  const told = faults.slice(0, faultsTold).map(({ expected, path }) => {
    const inFile = isList ? path.replace(/^instances/, "") : path
    return `line ${lineOf(document, lines, inFile)}: ${inFile === "" ? "the file" : inFile}: expected ${expected}`
  })
  const more = faults.length > faultsTold ? `; and ${faults.length - faultsTold} more` : ""
  return yield* failed(file, `, ${told.join("; ")}${more}`)
})

/** The services that apply a declaration, over the cluster's client and the database. */
export const services = Instances.layer.pipe(
  Layer.provideMerge([PgInstanceReads.layer, ClusterInstanceOps.layer, PgTombstones.layer, PgCluster.layer])
)

/**
 * Applies the instances of `CLAWSTER_INSTANCES` when it is set. An invalid file fails the start. Instances that the
 * cluster refuses are logged, and the process continues to serve.
 */
export const layerConfig = Layer.unwrap(
  Effect.map(Catalogue.instancesFile.config, (file) =>
    Option.isNone(file)
      ? Layer.empty
      : Layer.effectDiscard(
          Effect.flatMap(read(file.value), (declaration) =>
            DeclaredInstances.keep(declaration).pipe(
              Effect.catchCause((cause) => Effect.logError("The declared instances could not be brought about", cause)),
              Effect.forkScoped
            )
          )
        ).pipe(Layer.provide(services))
  )
)
