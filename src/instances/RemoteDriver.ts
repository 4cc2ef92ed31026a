/**
 * Connects to gateways that others operate, registered by URL and token. A start succeeds when the gateway answers,
 * accepts our token, speaks our protocol version and grants the scopes that we need. A stop closes the link and removes
 * the registration. The incarnation is the gateway's boot id.
 *
 * A remote gateway cannot store our epoch: the fence holds only among the owners that used this driver.
 */
import { Effect, Equal, Exit, Option, Scope, Stream } from "effect"
import {
  GatewayConnector,
  type GatewayError,
  type GatewayHello,
  type GatewayLink,
  type LinkStatus
} from "../openclaw/GatewayLink.ts"
import type { InstanceId } from "../schema/Ids.ts"
import type { InstanceSpec, RemoteEndpoint } from "../schema/Instance.ts"
import { DriverError, type InstanceDriver, type InstanceRef } from "./InstanceDriver.ts"

export interface RemoteDriverOptions {
  /** Milliseconds that a gateway may be unreachable before it counts as lost; 60 s when not given. */
  readonly lostAfterMillis?: number
}

/** What one start has registered. Starts with the same endpoint share the link, each by an object of its own. */
interface Registration {
  readonly endpoint: RemoteEndpoint
  readonly link: GatewayLink
  readonly forget: Effect.Effect<void>
}

const lostAfterMillis = 60_000
const probeTimeoutMillis = 5_000
const logLinesMax = 10_000
const neededScope = "operator.write"

/** The driver of one runner. It keeps one link open to each registered gateway until the scope closes. */
export const make = Effect.fn("RemoteDriver.make")(function* (
  options: RemoteDriverOptions = {}
): Effect.fn.Return<InstanceDriver, never, GatewayConnector | Scope.Scope> {
  const connector = yield* GatewayConnector
  const driverScope = yield* Effect.scope
  const registrations = new Map<InstanceId, Registration>()
  const epochs = new Map<InstanceId, number>()

  const fence = (instanceId: InstanceId, epoch: number) =>
    Effect.suspend(() => {
      const highest = epochs.get(instanceId) ?? 0
      if (epoch < highest) return Effect.fail(staleOwner(instanceId, epoch, highest))
      epochs.set(instanceId, epoch)
      return Effect.void
    })

  const forget = (instanceId: InstanceId) =>
    Effect.suspend(() => {
      const known = registrations.get(instanceId)
      registrations.delete(instanceId)
      return known?.forget ?? Effect.void
    })

  /** A start that ends badly lets go of the link, unless a later start has taken it over or replaced it. */
  const forgetOwn = (instanceId: InstanceId, own: Registration) =>
    Effect.suspend(() => (registrations.get(instanceId) === own ? forget(instanceId) : Effect.void))

  const open = (endpoint: RemoteEndpoint, { supervision }: Pick<InstanceSpec, "supervision">) =>
    connector.connect({
      url: endpoint.url,
      token: endpoint.token,
      ...(supervision?.reconnect === undefined ? {} : { reconnect: supervision.reconnect })
    })

  const register = Effect.fnUntraced(function* (spec: InstanceSpec, endpoint: RemoteEndpoint) {
    const scope = yield* Scope.fork(driverScope)
    const link = yield* Scope.provide(open(endpoint, spec), scope)
    return { endpoint, link, forget: Scope.close(scope, Exit.void) }
  })

  const start = Effect.fn("RemoteDriver.start")(function* (spec: InstanceSpec, epoch: number) {
    const { endpoint, instanceId } = spec
    if (endpoint === undefined) return yield* noEndpoint(instanceId)
    yield* fence(instanceId, epoch)
    const known = registrations.get(instanceId)
    const same = known !== undefined && Equal.equals(known.endpoint, endpoint)
    if (!same) yield* forget(instanceId)
    const own: Registration = same ? { ...known } : yield* register(spec, endpoint)
    registrations.set(instanceId, own)
    const hello = yield* own.link.ready.pipe(
      Effect.mapError((error) => linkError(instanceId, endpoint.url, error)),
      Effect.flatMap((hello) => usable(instanceId, endpoint.url, hello)),
      Effect.onError(() => forgetOwn(instanceId, own))
    )
    yield* fence(instanceId, epoch)
    return { instanceId, url: endpoint.url, incarnation: hello.bootId, adopted: true }
  })

  const registered = (instanceId: InstanceId) =>
    Effect.suspend(() => {
      const known = registrations.get(instanceId)
      return known === undefined ? Effect.fail(notRegistered(instanceId)) : Effect.succeed(known)
    })

  const ask = <A>(instanceId: InstanceId, request: (link: GatewayLink) => Effect.Effect<A, GatewayError>) =>
    Effect.flatMap(registered(instanceId), ({ endpoint, link }) =>
      Effect.mapError(request(link), (error) => linkError(instanceId, endpoint.url, error))
    )

  return {
    kind: "remote",
    start,
    stop: ({ instanceId }, epoch) => Effect.andThen(fence(instanceId, epoch), forget(instanceId)),
    remove: ({ instanceId }) =>
      Effect.andThen(
        forget(instanceId),
        Effect.sync(() => epochs.delete(instanceId))
      ),
    kept: () => Effect.succeed([]),
    tidy: () => Effect.void,
    renew: () => Effect.void,
    leave: () => Effect.void,
    awaitExit: (ref) =>
      registered(ref.instanceId).pipe(
        Effect.flatMap(({ link }) => departure(ref, link, options.lostAfterMillis ?? lostAfterMillis)),
        Effect.catch(Effect.succeed)
      ),
    probe: (ref) =>
      Effect.flatMap(Effect.result(registered(ref.instanceId)), (known) =>
        known._tag === "Failure"
          ? Effect.succeed({ live: false, started: false, detail: known.failure.message })
          : probe(known.success.link)
      ),
    connect: (spec) => (spec.endpoint === undefined ? noEndpoint(spec.instanceId) : open(spec.endpoint, spec)),
    logs: ({ instanceId }, limit) => ask(instanceId, (link) => link.logs(Math.min(limit, logLinesMax))),
    metrics: ({ instanceId }) =>
      Effect.map(
        ask(instanceId, (link) => link.system),
        ({ cpu, rssBytes }) => ({
          ...(rssBytes === undefined ? {} : { rssBytes }),
          ...(cpu === undefined ? {} : { cpu: Math.min(1, cpu) })
        })
      ),
    exec: ({ instanceId }) =>
      fail(instanceId, "Unsupported", "a remote gateway's machine is not ours to run commands on", false)
  }
})

const fail = (
  instanceId: InstanceId,
  reason: DriverError["reason"],
  message: string,
  retryable: boolean
): DriverError => new DriverError({ instanceId, reason, message, retryable })

const staleOwner = (instanceId: InstanceId, epoch: number, highest: number): DriverError =>
  fail(instanceId, "StaleOwner", `epoch ${epoch} is older than ${highest}, which owns this instance`, false)

const notRegistered = (instanceId: InstanceId): DriverError =>
  fail(instanceId, "NotRunning", "this runner has not registered the gateway, or has forgotten it", true)

const noEndpoint = (instanceId: InstanceId): DriverError =>
  fail(
    instanceId,
    "ConfigurationRefused",
    "endpoint is missing: a remote instance needs endpoint.url and endpoint.token",
    false
  )

/**
 * Fails when the gateway did not grant the needed scope: it accepts a token from another machine without granting it
 * any, so every later call would fail.
 */
const usable = (instanceId: InstanceId, url: string, hello: GatewayHello): Effect.Effect<GatewayHello, DriverError> =>
  hello.scopes.includes(neededScope)
    ? Effect.succeed(hello)
    : fail(
        instanceId,
        "ConfigurationRefused",
        `the gateway at ${url} granted no ${neededScope} scope: over a network it wants a paired device, not only a token`,
        false
      )

const linkError = (instanceId: InstanceId, url: string, error: GatewayError): DriverError => {
  switch (error.reason) {
    case "AuthenticationFailed":
      return fail(
        instanceId,
        "ConfigurationRefused",
        `the gateway at ${url} refused the token: ${error.message}`,
        false
      )
    case "PairingRequired":
    case "MissingScope":
      return fail(
        instanceId,
        "ConfigurationRefused",
        `the gateway at ${url} wants this client's device to be paired: ${error.message}`,
        false
      )
    case "ProtocolMismatch":
      return fail(
        instanceId,
        "Unsupported",
        `the gateway at ${url} speaks another protocol version: ${error.message}`,
        false
      )
    case "InvalidRequest":
      return fail(
        instanceId,
        "ConfigurationRefused",
        `the gateway at ${url} refused the request: ${error.message}`,
        false
      )
    default:
      return fail(
        instanceId,
        "Unreachable",
        `the gateway at ${url} could not be used: ${error.message}`,
        error.retryable
      )
  }
}

const probe = (link: GatewayLink) =>
  link.system.pipe(
    Effect.as({ live: true, started: true }),
    Effect.catch((error) =>
      Effect.succeed({ live: error.reason === "Unavailable", started: false, detail: error.message })
    ),
    Effect.timeoutOrElse({
      duration: probeTimeoutMillis,
      orElse: () => Effect.succeed({ live: false, started: false, detail: `no answer within ${probeTimeoutMillis} ms` })
    })
  )

/**
 * What a link status means for an incarnation. Consecutive `away` states count as one, so that attempts to reconnect do
 * not restart the timeout.
 */
type Presence =
  | { readonly _tag: "here" }
  | { readonly _tag: "away" }
  | { readonly _tag: "gone"; readonly error: DriverError }

const presence = ({ incarnation, instanceId, url }: InstanceRef, status: LinkStatus): Presence => {
  switch (status._tag) {
    case "connected":
      return status.hello.bootId === incarnation
        ? { _tag: "here" }
        : { _tag: "gone", error: fail(instanceId, "NotRunning", "the gateway was restarted by its owner", true) }
    case "closed":
      return { _tag: "gone", error: notRegistered(instanceId) }
    case "down":
      return status.retrying ? { _tag: "away" } : { _tag: "gone", error: linkError(instanceId, url, status.error) }
    case "connecting":
      return { _tag: "away" }
  }
}

const departure = (ref: InstanceRef, link: GatewayLink, awayMillis: number): Effect.Effect<DriverError> =>
  link.statusChanges.pipe(
    Stream.map((status) => presence(ref, status)),
    Stream.changesWith((left, right) => left._tag === right._tag),
    Stream.switchMap((now) => Stream.fromEffect(departed(ref, now, awayMillis))),
    Stream.runHead,
    Effect.map(Option.getOrElse(() => notRegistered(ref.instanceId)))
  )

const departed = (ref: InstanceRef, now: Presence, awayMillis: number): Effect.Effect<DriverError> => {
  switch (now._tag) {
    case "here":
      return Effect.never
    case "gone":
      return Effect.succeed(now.error)
    case "away":
      return Effect.as(
        Effect.sleep(awayMillis),
        fail(ref.instanceId, "Unreachable", `nothing answered at ${ref.url} for ${awayMillis} ms`, true)
      )
  }
}
