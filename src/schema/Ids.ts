/** Identifiers. All entity ids are built in this module only, because they are stored permanently. */
import { Schema } from "effect"

const nameLength = 128

/**
 * Letters, digits, dot, underscore and hyphen, 1 to 128 characters, beginning with a letter or digit: safe in a path, a
 * shell word and a log line (R119).
 */
const Name = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._-]*$/u, {
    expected: "letters, digits, dot, underscore and hyphen, beginning with a letter or digit"
  }),
  Schema.isMaxLength(nameLength)
)

export const TenantId = Name.pipe(Schema.brand("TenantId"))
export type TenantId = typeof TenantId.Type

export const TaskId = Name.pipe(Schema.brand("TaskId"))
export type TaskId = typeof TaskId.Type

export const InstanceId = Name.pipe(Schema.brand("InstanceId"))
export type InstanceId = typeof InstanceId.Type

/** Lower case only, because the gateway folds session keys to lower case. */
export const SessionId = Schema.String.check(
  Schema.isPattern(/^[a-z0-9][a-z0-9._-]*$/u, {
    expected: "lower-case letters, digits, dot, underscore and hyphen, beginning with a letter or digit"
  }),
  Schema.isMaxLength(nameLength)
).pipe(Schema.brand("SessionId"))
export type SessionId = typeof SessionId.Type

export const LaneName = Name.pipe(Schema.brand("LaneName"))
export type LaneName = typeof LaneName.Type

export const WorkspaceId = Name.pipe(Schema.brand("WorkspaceId"))
export type WorkspaceId = typeof WorkspaceId.Type

/** Where an actor may run: `default`, `region-<name>` or `host-<name>`. A placement is the name of a shard group. */
export const Placement = Name.pipe(Schema.brand("Placement"))
export type Placement = typeof Placement.Type

export const defaultPlacement = Placement.make("default")
export const hostPlacement = (host: string): Placement =>
  Placement.make(`host-${host.toLowerCase().replace(/[^a-z0-9._-]/g, "-")}`)
export const regionPlacement = (region: string): Placement => Placement.make(`region-${region}`)

/**
 * The caller's key for a mutation: the same key and payload return the same answer (I3). 1 to 255 visible ASCII
 * characters.
 */
export const IdempotencyKey = Schema.String.check(
  Schema.isPattern(/^[\x21-\x7e]+$/u, { expected: "1 to 255 visible ASCII characters" }),
  Schema.isMaxLength(255)
).pipe(Schema.brand("IdempotencyKey"))
export type IdempotencyKey = typeof IdempotencyKey.Type

const separator = "/"

/** The entity id of an instance contains its placement, so that the shard group can be derived from the id. */
export const instanceEntityId = (placement: Placement, instanceId: InstanceId): string =>
  `${placement}${separator}${instanceId}`

export const parseInstanceEntityId = (
  entityId: string
): { readonly placement: Placement; readonly instanceId: InstanceId } => {
  const at = entityId.indexOf(separator)
  return {
    placement: Placement.make(at < 0 ? defaultPlacement : entityId.slice(0, at)),
    instanceId: InstanceId.make(entityId.slice(at + 1))
  }
}

export const laneEntityId = (tenantId: TenantId, lane: LaneName): string => `${tenantId}${separator}${lane}`

export const parseLaneEntityId = (entityId: string): { readonly tenantId: TenantId; readonly lane: LaneName } => {
  const at = entityId.indexOf(separator)
  return { tenantId: TenantId.make(entityId.slice(0, at)), lane: LaneName.make(entityId.slice(at + 1)) }
}

export const tenantEntityId = (tenantId: TenantId): string => tenantId

export const sessionEntityId = (tenantId: TenantId, sessionId: SessionId): string =>
  `${tenantId}${separator}${sessionId}`

export const parseSessionEntityId = (
  entityId: string
): { readonly tenantId: TenantId; readonly sessionId: SessionId } => {
  const at = entityId.indexOf(separator)
  return { tenantId: TenantId.make(entityId.slice(0, at)), sessionId: SessionId.make(entityId.slice(at + 1)) }
}

/**
 * The gateway's session key for a session, or for a task without one. The gateway folds its keys to lower case.
 * Therefore an upper-case letter is written as `_` and the lower-case letter, `_` is doubled, and `-` in the tenant is
 * doubled, so that no two pairs share a key.
 */
export const gatewaySessionKey = (tenantId: TenantId, id: SessionId | TaskId): string =>
  `agent:main:${fold(tenantId).replaceAll("-", "--")}-${fold(id)}`

/**
 * The tenant and the session or task id encoded in a gateway's session key; undefined when `gatewaySessionKey` cannot
 * have built the key.
 */
export const parseGatewaySessionKey = (key: string): { readonly tenantId: string; readonly id: string } | undefined => {
  const [, tenant, id] = /^agent:main:((?:[^-]|--)+)-([^-].*)$/u.exec(key) ?? []
  return tenant === undefined || id === undefined
    ? undefined
    : { tenantId: unfold(tenant).replaceAll("--", "-"), id: unfold(id) }
}

const unfold = (name: string): string =>
  name.replaceAll(/_(_|[a-z])/g, (_, letter: string) => (letter === "_" ? "_" : letter.toUpperCase()))

const fold = (name: string): string =>
  name.replaceAll("_", "__").replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
