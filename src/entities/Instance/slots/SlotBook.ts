/**
 * Who holds slots of one instance, and who wants some. A slot is a lease: the holder starts work on it in commits of
 * its own until it gives it back. Pure; the instance's events say what was asked, granted and returned.
 *
 * Each tenant's use is counted as service: slot-milliseconds over its weight. A tenant that comes back, or comes new,
 * starts at the least service of those that hold or want slots, so that being idle earns nothing.
 */
import { HashMap, Option, Schema } from "effect"
import { ActorRef } from "../../../schema/ActorRef.ts"
import { TenantId } from "../../../schema/Ids.ts"

export const SlotHolder = Schema.Struct({
  holder: ActorRef,
  tenantId: TenantId,
  held: Schema.Int,
  /** How many it asks to hold in all. */
  want: Schema.Int,
  /** Rank of what waits first at the holder, lower first; null when nothing waits there. */
  rank: Schema.NullOr(Schema.Finite),
  /** How many of the held ones it was asked to give back as its runs end. */
  recalled: Schema.Int,
  /** It holds a slot for one run only, whose end returns it: there is nothing to recall. */
  forOneRun: Schema.optionalKey(Schema.Boolean)
})
export type SlotHolder = typeof SlotHolder.Type

export const TenantUse = Schema.Struct({
  held: Schema.Int,
  weight: Schema.Finite,
  /** Service as of `at`. */
  service: Schema.Finite,
  /** Unix milliseconds. */
  at: Schema.Finite
})
export type TenantUse = typeof TenantUse.Type

export const SlotBook = Schema.Struct({
  /** By `holderKey`, or by another key of the asker's choice. */
  holders: Schema.HashMap(Schema.String, SlotHolder),
  tenants: Schema.HashMap(Schema.String, TenantUse)
})
export type SlotBook = typeof SlotBook.Type

export const empty: SlotBook = { holders: HashMap.empty(), tenants: HashMap.empty() }

/** Holders that one instance keeps in mind; what further ones ask for is refused. */
export const holdersMost = 4_096
/** Tenants that neither hold nor want slots are remembered up to this many. */
const tenantsMost = 1_024
/** Milliseconds of service by which a tenant may be behind the one that has most. */
const creditMost = 60_000

export const holderKey = ({ entityId, entityType }: ActorRef): string => `${entityType}/${entityId}`

export const holderOf = (book: SlotBook, key: string): SlotHolder | undefined =>
  Option.getOrUndefined(HashMap.get(book.holders, key))

export const serviceAt = ({ at, held, service, weight }: TenantUse, now: number): number =>
  service + (held * Math.max(0, now - at)) / weight

export const heldOf = (book: SlotBook): number => HashMap.reduce(book.holders, 0, (sum, { held }) => sum + held)

export const isWaiting = ({ held, want }: SlotHolder): boolean => want > held

export interface Ask {
  readonly holder: ActorRef
  /** `holderKey` of the holder when absent. */
  readonly key?: string
  readonly tenantId: TenantId
  readonly weight: number
  readonly want: number
  readonly rank: number | null
  readonly forOneRun?: boolean
}

const isActive = (book: SlotBook, tenantId: string): boolean =>
  HashMap.some(book.holders, (holder) => holder.tenantId === tenantId && (holder.held > 0 || isWaiting(holder)))

/** Least and most service of the tenants that hold or want slots; both 0 when there are none. */
const range = (book: SlotBook, now: number): { readonly least: number; readonly most: number } => {
  const active = new Set<string>()
  for (const holder of HashMap.values(book.holders)) {
    if (holder.held > 0 || isWaiting(holder)) active.add(holder.tenantId)
  }
  let [least, most] = [Infinity, -Infinity]
  for (const [tenantId, use] of book.tenants) {
    if (!active.has(tenantId)) continue
    const service = serviceAt(use, now)
    least = Math.min(least, service)
    most = Math.max(most, service)
  }
  return active.size === 0 ? { least: 0, most: 0 } : { least, most }
}

const forgetIdle = (book: SlotBook): SlotBook => {
  if (HashMap.size(book.tenants) <= tenantsMost) return book
  return { ...book, tenants: HashMap.filter(book.tenants, (_, tenantId) => isActive(book, tenantId)) }
}

/** The service with which a tenant goes on: what it had, but no more credit than the rules allow. */
const resumed = (book: SlotBook, tenantId: string, now: number): number => {
  const { least, most } = range(book, now)
  const use = Option.getOrUndefined(HashMap.get(book.tenants, tenantId))
  if (use === undefined) return least
  const own = serviceAt(use, now)
  return isActive(book, tenantId) ? Math.max(own, most - creditMost) : Math.max(own, least)
}

/** Replaces what the holder asks for. A holder that neither holds nor wants anything is dropped. */
export const asked = (book: SlotBook, ask: Ask, now: number): SlotBook => {
  const { forOneRun, holder, rank, tenantId, want, weight } = ask
  const { key = holderKey(holder) } = ask
  const known = holderOf(book, key)
  const held = known?.held ?? 0
  if (want <= 0 && held === 0) return { ...book, holders: HashMap.remove(book.holders, key) }
  const use = Option.getOrUndefined(HashMap.get(book.tenants, tenantId))
  const tenant = { held: use?.held ?? 0, weight, service: resumed(book, tenantId, now), at: now }
  const recalled = Math.min(known?.recalled ?? 0, held)
  const entry = { holder, tenantId, held, want, rank, recalled, ...(forOneRun === undefined ? {} : { forOneRun }) }
  return forgetIdle({
    holders: HashMap.set(book.holders, key, entry),
    tenants: HashMap.set(book.tenants, tenantId, tenant)
  })
}

const moved = (book: SlotBook, key: string, by: number, now: number): SlotBook => {
  const known = holderOf(book, key)
  if (known === undefined) return book
  const held = Math.max(0, known.held + by)
  const change = held - known.held
  const tenants = HashMap.modify(book.tenants, known.tenantId, (use) => ({
    ...use,
    service: serviceAt(use, now),
    at: now,
    held: use.held + change
  }))
  const recalled = Math.max(0, known.recalled + Math.min(0, change))
  const entry = { ...known, held, recalled }
  const isOver = held === 0 && known.want <= 0
  return {
    holders: isOver ? HashMap.remove(book.holders, key) : HashMap.set(book.holders, key, entry),
    tenants
  }
}

export const granted = (book: SlotBook, key: string, count: number, now: number): SlotBook =>
  moved(book, key, count, now)

/** A holder can return no more than it holds. */
export const returned = (book: SlotBook, key: string, count: number, now: number): SlotBook =>
  moved(book, key, -count, now)

/** The holder returns so many slots, and asks for one less in all. */
export const wantsLess = (book: SlotBook, key: string, returns: number, now: number): SlotBook => {
  const known = holderOf(book, key)
  if (known === undefined) return book
  const holders = HashMap.set(book.holders, key, { ...known, want: Math.max(0, known.want - 1) })
  return moved({ ...book, holders }, key, -returns, now)
}

export const recalled = (book: SlotBook, key: string, count: number): SlotBook => ({
  ...book,
  holders: HashMap.modify(book.holders, key, (holder) => ({ ...holder, recalled: Math.min(count, holder.held) }))
})
