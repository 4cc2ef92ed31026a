/**
 * The OpenAPI document, with corrections to the generator's output: numbers and booleans in a query have their type and
 * bounds, and the items of a task's event list are the union of public events (the endpoint itself also accepts events
 * of newer runners).
 */
import { Schema } from "effect"
import { HttpApi, type HttpApiEndpoint, OpenApi } from "effect/http-api"
import { ServedApi } from "./api/Api.ts"

// oxlint-disable-next-line typescript/no-explicit-any -- a JSON document, walked by name
type Json = Record<string, any>

const isPlain = (schema: Json | undefined): boolean => ["integer", "number", "boolean"].includes(schema?.["type"])

const typedQuery = (endpoint: HttpApiEndpoint.Top): Json =>
  endpoint.query === undefined
    ? {}
    : ((Schema.toJsonSchemaDocument(Schema.toType(endpoint.query)).schema["properties"] as Json | undefined) ?? {})

const typeParameters = (document: Json): void =>
  HttpApi.reflect(ServedApi, {
    onGroup: () => {},
    onEndpoint: ({ endpoint }) => {
      const path = endpoint.path.replaceAll(/:([^/]+)/g, "{$1}")
      const parameters: ReadonlyArray<Json> = document["paths"][path][endpoint.method.toLowerCase()].parameters
      const types = typedQuery(endpoint)
      for (const parameter of parameters) {
        const type = types[parameter["name"]] as Json | undefined
        if (parameter["in"] === "query" && isPlain(type)) parameter["schema"] = type
      }
    }
  })

const make = (): Json => {
  const document = structuredClone(OpenApi.fromApi(ServedApi)) as unknown as Json
  document["servers"] = [{ url: "/", description: "This gateway" }]
  typeParameters(document)
  document["components"].schemas.EventPage.properties.items.items = { $ref: "#/components/schemas/Event" }
  return document
}

let made: Json | undefined
export const openApiDocument = (): Json => (made ??= make())
