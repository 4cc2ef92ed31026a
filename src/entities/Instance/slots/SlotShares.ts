/**
 * Which holder gets the next free slot, and which must give one back. Pure.
 *
 * Between tenants the one with the least claim goes first: its service, and `quantum` for each slot that it holds, over
 * its weight. So slots that are free at once are spread by weight; and a tenant that has had less than the others gets
 * what it lacks as one slot more for a while, not as all slots at once, which would come when others lack them. In a
 * tenant the holder whose first waiting work has the lowest rank goes first, as if its lanes were one queue.
 *
 * A slot is recalled from whoever would not get it back, if it were free now, while somebody waits; but not for so
 * little that the next one to be recalled would be this one.
 */
import { HashMap } from "effect"
import { isWaiting, serviceAt, type SlotBook, type SlotHolder } from "./SlotBook.ts"

/**
 * Slot-milliseconds as which a held slot counts. Longer than a usual run, so that slots do not swing between tenants;
 * short beside a minute, since what tenants have had may differ by half of it for each unit of weight.
 */
const quantum = 3_000
/** Slot-milliseconds that a recall must be worth. */
const worth = 500
/** Milliseconds of rank that a recall inside a tenant must be worth. */
const rankWorth = 2_000

export interface Count {
  readonly key: string
  readonly count: number
}

interface Share {
  readonly key: string
  readonly isRecallable: boolean
  readonly rank: number
  readonly want: number
  held: number
}

interface Tenant {
  readonly tenantId: string
  readonly weight: number
  readonly service: number
  readonly grantedAt: number
  held: number
  /** By rank of what waits first, lowest first. */
  readonly shares: Array<Share>
}

const shareOf = (key: string, { forOneRun, held, rank, want }: SlotHolder): Share => ({
  key,
  isRecallable: forOneRun !== true,
  rank: rank ?? Infinity,
  want,
  held
})

const byRank = (left: Share, right: Share): number =>
  left.rank === right.rank ? (left.key < right.key ? -1 : 1) : left.rank - right.rank

const tenantsOf = (book: SlotBook, now: number): ReadonlyArray<Tenant> => {
  const tenants = new Map<string, Tenant>()
  for (const [key, holder] of book.holders) {
    const { tenantId } = holder
    let tenant = tenants.get(tenantId)
    if (tenant === undefined) {
      const use = HashMap.getUnsafe(book.tenants, tenantId)
      const { grantedAt, held, weight } = use
      tenant = { tenantId, weight, service: serviceAt(book, use, now), grantedAt, held, shares: [] }
      tenants.set(tenantId, tenant)
    }
    tenant.shares.push(shareOf(key, holder))
  }
  for (const { shares } of tenants.values()) shares.sort(byRank)
  return [...tenants.values()]
}

/**
 * The lower, the sooner the tenant gets a slot beside `held`, of which the half is still to come. The first one comes
 * before, so that nobody waits for a slot because a few of the others cannot be divided.
 */
const claimOf = ({ service, weight }: Tenant, held: number): number =>
  held <= 0 ? service : service + ((held + 0.5) * quantum) / weight

const waiter = ({ shares }: Tenant): Share | undefined => shares.find(({ held, want }) => want > held)

/** Of equal claims the one that has got nothing for longer goes first. */
const goesBefore = (left: Tenant, right: Tenant): boolean => {
  const [ours, theirs] = [claimOf(left, left.held), claimOf(right, right.held)]
  if (ours !== theirs) return ours < theirs
  return left.grantedAt === right.grantedAt ? left.tenantId < right.tenantId : left.grantedAt < right.grantedAt
}

const isWorthIt = (next: Tenant, loser: Tenant): boolean =>
  claimOf(next, next.held) + worth / next.weight < claimOf(loser, loser.held - 1)

interface Next {
  readonly tenant: Tenant
  readonly share: Share
}

/** Who gets the next slot; undefined when nobody waits. */
const nextOf = (tenants: ReadonlyArray<Tenant>): Next | undefined => {
  let next: Next | undefined
  for (const tenant of tenants) {
    const share = waiter(tenant)
    if (share !== undefined && (next === undefined || goesBefore(tenant, next.tenant))) next = { tenant, share }
  }
  return next
}

const move = ({ share, tenant }: Next, by: number): void => {
  share.held += by
  tenant.held += by
}

const counts = (taken: ReadonlyMap<string, number>): ReadonlyArray<Count> =>
  [...taken].map(([key, count]) => ({ key, count }))

const countUp = (taken: Map<string, number>, key: string): void => void taken.set(key, (taken.get(key) ?? 0) + 1)

/** Who gets how many of the free slots. */
export const grants = (book: SlotBook, free: number, now: number): ReadonlyArray<Count> => {
  const taken = new Map<string, number>()
  if (free <= 0 || !HashMap.some(book.holders, isWaiting)) return []
  const tenants = tenantsOf(book, now)
  for (let left = free; left > 0; left--) {
    const next = nextOf(tenants)
    if (next === undefined) break
    move(next, 1)
    countUp(taken, next.share.key)
  }
  return counts(taken)
}

const gives = ({ held, isRecallable }: Share): boolean => isRecallable && held > 0

const unused = (tenants: ReadonlyArray<Tenant>): Next | undefined => {
  for (const tenant of tenants) {
    const share = tenant.shares.find((share) => gives(share) && share.held > share.want)
    if (share !== undefined) return { tenant, share }
  }
  return undefined
}

/** Whose slot counts least: of the tenant that would still have the highest claim, the one whose work comes last. */
const leastEntitled = (tenants: ReadonlyArray<Tenant>, except?: Tenant): Next | undefined => {
  let found: Tenant | undefined
  let highest = -Infinity
  for (const tenant of tenants) {
    if (tenant === except || !tenant.shares.some(gives)) continue
    const claim = claimOf(tenant, tenant.held - 1)
    if (claim > highest) [found, highest] = [tenant, claim]
  }
  return found && { tenant: found, share: found.shares.findLast(gives)! }
}

/** The holder that should give a slot to `next`: one that has no use for it, or one of a tenant above its share. */
const loserTo = (next: Next, tenants: ReadonlyArray<Tenant>): Next | undefined => {
  const idle = unused(tenants)
  if (idle !== undefined) return idle
  const highest = leastEntitled(tenants, next.tenant)
  return highest !== undefined && isWorthIt(next.tenant, highest.tenant) ? highest : undefined
}

/** Milliseconds after which what tenants have had is counted, while somebody may be to give a slot back by then. */
const countEvery = 1_000

/**
 * Unix milliseconds at which to count what tenants have had, since time alone brings a recall; `Infinity` when it does
 * not: nobody waits, or nobody has more for his weight than somebody who waits.
 */
export const countAt = (book: SlotBook): number => {
  const { since } = book.clock
  if (since === null) return Infinity
  let [least, most] = [Infinity, -Infinity]
  for (const [key, holder] of book.holders) {
    const { held, weight } = HashMap.getUnsafe(book.tenants, holder.tenantId)
    if (isWaiting(holder)) least = Math.min(least, held / weight)
    if (gives(shareOf(key, holder))) most = Math.max(most, held / weight)
  }
  return most > least ? since + countEvery : Infinity
}

/** Inside a tenant, from the holder whose work comes last to the one whose work comes first. */
const recallInside = (tenant: Tenant, taken: Map<string, number>): void => {
  for (let n = tenant.held; n > 0; n--) {
    const next = waiter(tenant)
    const share = next && tenant.shares.findLast((share) => gives(share) && share.rank > next.rank + rankWorth)
    if (next === undefined || share === undefined) return
    share.held--
    next.held++
    countUp(taken, share.key)
  }
}

/**
 * How many of its slots each holder should give back, when no slot is free. Who should give none is left out. `excess`
 * of the slots that are held are to go in any case, since the instance has fewer than it gave away.
 */
export const recalls = (book: SlotBook, now: number, excess = 0): ReadonlyArray<Count> => {
  const taken = new Map<string, number>()
  if (excess <= 0 && !HashMap.some(book.holders, isWaiting)) return []
  const tenants = tenantsOf(book, now)
  for (let n = 0; n < excess; n++) {
    const loser = unused(tenants) ?? leastEntitled(tenants)
    if (loser === undefined) break
    move(loser, -1)
    countUp(taken, loser.share.key)
  }
  const most = tenants.reduce((sum, { held }) => sum + held, 0)
  for (let n = 0; n < most; n++) {
    const next = nextOf(tenants)
    const loser = next && loserTo(next, tenants)
    if (next === undefined || loser === undefined) break
    move(loser, -1)
    move(next, 1)
    countUp(taken, loser.share.key)
  }
  for (const tenant of tenants) recallInside(tenant, taken)
  return counts(taken)
}
