/**
 * Which holder gets the next free slot, and which must give one back. Pure.
 *
 * Between tenants the one with the least service goes first (start-time fair queuing), counting what it holds as
 * `quantum` of service that is still to come: slots that are free at once are then spread by weight, and over time each
 * tenant's slot-time is in proportion to its weight. Inside a tenant the holder whose first waiting work has the lowest
 * rank goes first, as if its lanes were one queue.
 *
 * A slot is recalled from whoever would not get it back, if it were free now, while somebody waits.
 */
import { HashMap } from "effect"
import { isWaiting, serviceAt, type SlotBook, type SlotHolder } from "./SlotBook.ts"

/** Milliseconds of service that a held slot counts as still to come. */
const quantum = 1_000

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
      tenant = { tenantId, weight: use.weight, service: serviceAt(use, now), held: use.held, shares: [] }
      tenants.set(tenantId, tenant)
    }
    tenant.shares.push(shareOf(key, holder))
  }
  for (const { shares } of tenants.values()) shares.sort(byRank)
  return [...tenants.values()]
}

/** The lower, the sooner the tenant gets a slot beside those that it has. */
const claimOf = ({ held, service, weight }: Tenant): number => service + (held * quantum) / weight

const waiter = ({ shares }: Tenant): Share | undefined => shares.find(({ held, want }) => want > held)

const goesBefore = (left: Tenant, right: Tenant): boolean => {
  const [ours, theirs] = [claimOf(left), claimOf(right)]
  return ours === theirs ? left.tenantId < right.tenantId : ours < theirs
}

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

/**
 * The holder that should give a slot to `next`: one that holds more than it asks for; otherwise, of the tenant with the
 * highest claim, the one whose own work waits with the highest rank. Undefined when each would get its slot back.
 */
const loserTo = (next: Next, tenants: ReadonlyArray<Tenant>): Next | undefined => {
  const idle = unused(tenants)
  if (idle !== undefined) return idle
  let highest: Tenant | undefined
  for (const tenant of tenants) {
    if (tenant === next.tenant || !tenant.shares.some(gives)) continue
    if (highest === undefined || goesBefore(highest, tenant)) highest = tenant
  }
  if (highest !== undefined && goesBefore(next.tenant, { ...highest, held: highest.held - 1 })) {
    return { tenant: highest, share: highest.shares.findLast(gives)! }
  }
  const share = next.tenant.shares.findLast((share) => gives(share) && share.rank > next.share.rank)
  return share && { tenant: next.tenant, share }
}

/** How many of its slots each holder should give back, when no slot is free. Who should give none is left out. */
export const recalls = (book: SlotBook, now: number): ReadonlyArray<Count> => {
  const taken = new Map<string, number>()
  if (!HashMap.some(book.holders, isWaiting)) return []
  const tenants = tenantsOf(book, now)
  const most = tenants.reduce((sum, { held }) => sum + held, 0)
  for (let n = 0; n < most; n++) {
    const next = nextOf(tenants)
    const loser = next && loserTo(next, tenants)
    if (next === undefined || loser === undefined) break
    move(loser, -1)
    move(next, 1)
    countUp(taken, loser.share.key)
  }
  return counts(taken)
}
