/**
 * Who holds slots of one instance, and who wants some. A slot is a lease: the holder starts work on it in commits of
 * its own until it gives it back. Pure; the instance's events say what was asked, granted and returned.
 *
 * Each tenant's use is counted as service: slot-milliseconds over its weight, while anybody waits. What is used when
 * nobody waits takes nothing from anybody and is not counted. A tenant that begins to wait starts at the least service
 * of those that wait (or did last), so that having wanted less earns nothing; what it used above that it still owes.
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
  /** By the book's clock. */
  at: Schema.Finite,
  /** Unix milliseconds of the last grant; 0 when there was none. */
  grantedAt: Schema.Finite
})
export type TenantUse = typeof TenantUse.Type

export const SlotBook = Schema.Struct({
  /** By `holderKey`, or by another key of the asker's choice. */
  holders: Schema.HashMap(Schema.String, SlotHolder),
  tenants: Schema.HashMap(Schema.String, TenantUse),
  /** Milliseconds in which anybody waited: `millis` until `since` (Unix milliseconds), from which on somebody waits. */
  clock: Schema.Struct({ millis: Schema.Finite, since: Schema.NullOr(Schema.Finite) }),
  /** The least service with which a tenant may begin to wait. It never falls. */
  least: Schema.Finite
})
export type SlotBook = typeof SlotBook.Type

export const empty: SlotBook = {
  holders: HashMap.empty(),
  tenants: HashMap.empty(),
  clock: { millis: 0, since: null },
  least: 0
}

/** Holders that one instance keeps in mind; what further ones ask for is refused. */
export const holdersMost = 4_096
/** Tenants that neither hold nor want slots are remembered up to this many. */
const tenantsMost = 1_024
/** Milliseconds of service by which a tenant may be behind or before others, whatever happened. */
const lagMost = 60_000

export const holderKey = ({ entityId, entityType }: ActorRef): string => `${entityType}/${entityId}`

export const holderOf = (book: SlotBook, key: string): SlotHolder | undefined =>
  Option.getOrUndefined(HashMap.get(book.holders, key))

const clockAt = ({ clock }: SlotBook, now: number): number =>
  clock.millis + (clock.since === null ? 0 : Math.max(0, now - clock.since))

export const serviceAt = (book: SlotBook, { at, held, service, weight }: TenantUse, now: number): number =>
  service + (held * Math.max(0, clockAt(book, now) - at)) / weight

export const heldOf = (book: SlotBook): number => HashMap.reduce(book.holders, 0, (sum, { held }) => sum + held)

export const isWaiting = ({ held, want }: SlotHolder): boolean => want > held

export interface Ask {
  readonly holder: ActorRef
  /** `holderKey` of the holder when absent. */
  readonly key?: string
  readonly tenantId: TenantId
  readonly want: number
  readonly rank: number | null
  readonly forOneRun?: boolean
}

const waitingTenants = ({ holders }: SlotBook): ReadonlySet<string> => {
  const waiting = new Set<string>()
  for (const holder of HashMap.values(holders)) if (isWaiting(holder)) waiting.add(holder.tenantId)
  return waiting
}

/** Least and most service of the tenants that wait. */
const rangeOf = (book: SlotBook, waiting: ReadonlySet<string>, now: number) => {
  let [least, most] = [Infinity, -Infinity]
  for (const tenantId of waiting) {
    const service = serviceAt(book, HashMap.getUnsafe(book.tenants, tenantId), now)
    least = Math.min(least, service)
    most = Math.max(most, service)
  }
  return { least, most }
}

const isActive = ({ holders }: SlotBook, tenantId: string): boolean =>
  HashMap.some(holders, (holder) => holder.tenantId === tenantId && (holder.held > 0 || isWaiting(holder)))

const forgetIdle = (book: SlotBook): SlotBook => {
  if (HashMap.size(book.tenants) <= tenantsMost) return book
  return { ...book, tenants: HashMap.filter(book.tenants, (_, tenantId) => isActive(book, tenantId)) }
}

/** Brings the clock and the least service up to date after a change, and forgets what nobody needs to know. */
const settled = (before: SlotBook, changed: SlotBook, now: number): SlotBook => {
  const waiting = waitingTenants(changed)
  const { least } = rangeOf(changed, waiting, now)
  const clock = { millis: clockAt(before, now), since: waiting.size > 0 ? now : null }
  return forgetIdle({ ...changed, clock, least: least === Infinity ? changed.least : Math.max(changed.least, least) })
}

/** The service with which a tenant goes on when it asks. */
const resumed = (book: SlotBook, tenantId: string, use: TenantUse | undefined, now: number): number => {
  const waiting = waitingTenants(book)
  const { least, most } = rangeOf(book, waiting, now)
  const floor = least === Infinity ? book.least : Math.max(book.least, least)
  if (use === undefined) return floor
  const own = serviceAt(book, use, now)
  return waiting.has(tenantId) ? Math.max(own, most - lagMost) : Math.max(floor, Math.min(own, floor + lagMost))
}

/** Replaces what the holder asks for. A holder that neither holds nor wants anything is dropped. */
export const asked = (book: SlotBook, ask: Ask, now: number): SlotBook => {
  const { forOneRun, holder, rank, tenantId, want } = ask
  const { key = holderKey(holder) } = ask
  const known = holderOf(book, key)
  const held = known?.held ?? 0
  if (want <= 0 && held === 0) return settled(book, { ...book, holders: HashMap.remove(book.holders, key) }, now)
  const use = Option.getOrUndefined(HashMap.get(book.tenants, tenantId))
  const { grantedAt, weight } = use ?? { grantedAt: 0, weight: 1 }
  const service = resumed(book, tenantId, use, now)
  const tenant = { held: use?.held ?? 0, weight, service, at: clockAt(book, now), grantedAt }
  const recalled = Math.min(known?.recalled ?? 0, held)
  const entry = { holder, tenantId, held, want, rank, recalled, ...(forOneRun === undefined ? {} : { forOneRun }) }
  const holders = HashMap.set(book.holders, key, entry)
  return settled(book, { ...book, holders, tenants: HashMap.set(book.tenants, tenantId, tenant) }, now)
}

/** Counts what tenants have had until now. */
export const counted = (book: SlotBook, now: number): SlotBook => settled(book, book, now)

/** The tenant's use until now counts by the weight that it had. */
export const weighed = (book: SlotBook, tenantId: string, weight: number, now: number): SlotBook => ({
  ...book,
  tenants: HashMap.modify(book.tenants, tenantId, (use) => ({
    ...use,
    weight,
    service: serviceAt(book, use, now),
    at: clockAt(book, now)
  }))
})

const moved = (book: SlotBook, key: string, by: number, now: number): SlotBook => {
  const known = holderOf(book, key)
  if (known === undefined) return book
  const held = Math.max(0, known.held + by)
  const change = held - known.held
  const tenants = HashMap.modify(book.tenants, known.tenantId, (use) => ({
    ...use,
    service: serviceAt(book, use, now),
    at: clockAt(book, now),
    held: use.held + change,
    grantedAt: change > 0 ? now : use.grantedAt
  }))
  const recalled = Math.max(0, known.recalled + Math.min(0, change))
  const entry = { ...known, held, recalled }
  const isOver = held === 0 && known.want <= 0
  const holders = isOver ? HashMap.remove(book.holders, key) : HashMap.set(book.holders, key, entry)
  return settled(book, { ...book, holders, tenants }, now)
}

export const granted = (book: SlotBook, key: string, count: number, now: number): SlotBook =>
  moved(book, key, count, now)

/** A holder can return no more than it holds. `want`: how many it wants in all from now on. */
export const returned = (book: SlotBook, key: string, count: number, want: number, now: number): SlotBook => {
  const known = holderOf(book, key)
  if (known === undefined) return book
  return moved({ ...book, holders: HashMap.set(book.holders, key, { ...known, want }) }, key, -count, now)
}

/** The holder returns so many slots, and asks for one less in all. */
export const wantsLess = (book: SlotBook, key: string, returns: number, now: number): SlotBook =>
  returned(book, key, returns, Math.max(0, (holderOf(book, key)?.want ?? 0) - 1), now)

export const recalled = (book: SlotBook, key: string, count: number): SlotBook => ({
  ...book,
  holders: HashMap.modify(book.holders, key, (holder) => ({ ...holder, recalled: Math.min(count, holder.held) }))
})

/** How many the holder may keep; null when it may keep all. */
export const keepOf = ({ held, recalled }: SlotHolder): number | null => (recalled > 0 ? held - recalled : null)
