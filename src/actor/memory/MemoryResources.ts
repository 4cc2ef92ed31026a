/** Resources in memory, for tests and simulation. */
import { Effect, Layer } from "effect"
import { digestOf } from "../state/Digest.ts"
import { resourceMost, ResourceMissing, Resources, tooLong } from "../Resources.ts"

export const make = (stored = new Map<string, string>()): Resources["Service"] =>
  Resources.of({
    put: (resource) =>
      Effect.suspend(() => {
        const text = JSON.stringify(resource)
        if (text.length > resourceMost) return Effect.fail(tooLong(text.length))
        const key = `${digestOf(text).toString(16)}-${text.length}`
        stored.set(key, text)
        return Effect.succeed(key)
      }),
    get: (key) =>
      Effect.suspend(() => {
        const text = stored.get(key)
        return text === undefined ? Effect.fail(new ResourceMissing({ key })) : Effect.succeed(JSON.parse(text))
      }),
    keep: (key) => Effect.suspend(() => (stored.has(key) ? Effect.void : Effect.fail(new ResourceMissing({ key }))))
  })

export const layer = Layer.sync(Resources, () => make())
