/**
 * The virtual network: one link for each ordered pair of machines, with latency and with the faults that a test
 * imposes. Packets on a cut link wait and arrive late when it heals, as TCP would retransmit them; a lossy link loses
 * them for good.
 */
import type { Prng } from "./Prng.ts"
import { FaultTrigger } from "./FaultTrigger.ts"
import type { World } from "./World.ts"

/** A temporary fault of a link. Probabilities are per packet. */
export interface Condition {
  readonly cut?: boolean
  readonly delayMillis?: readonly [low: number, high: number]
  readonly drop?: number
  readonly duplicate?: number
  readonly reorder?: number
  /** Called for each packet that the condition affected. */
  readonly seen: () => void
}

export interface Packet {
  readonly label: string
  readonly arrive: () => void
  /**
   * Handles a duplicate of the packet. Absent: the packet is never duplicated, because a duplicate would not be
   * noticed.
   */
  readonly again?: () => void
  /** Packets of one stream arrive in order, unless a condition reorders them. */
  readonly stream?: { arrivesAt: number }
}

const baseMillis = [0.1, 1.2] as const
const tailChance = 0.01
const tailMillis = [5, 20] as const
const reorderMillis = [1, 250] as const

class Link {
  readonly conditions = new Set<Condition>()
  held: Array<Packet> = []

  get cut(): Condition | undefined {
    for (const condition of this.conditions) if (condition.cut === true) return condition
    return undefined
  }
}

export class Network {
  packets = 0
  readonly #world: World
  readonly #random: Prng
  readonly #links = new Map<string, Link>()
  readonly #strikes: FaultTrigger

  constructor(world: World) {
    this.#world = world
    this.#random = world.random.fork("network")
    this.#strikes = new FaultTrigger(this.#random)
  }

  impose(from: string, to: string, condition: Condition): void {
    this.#link(from, to).conditions.add(condition)
  }

  lift(from: string, to: string, condition: Condition): void {
    const link = this.#link(from, to)
    link.conditions.delete(condition)
    if (link.cut !== undefined) return
    const { held } = link
    link.held = []
    for (const packet of held) this.send(from, to, packet)
  }

  send(from: string, to: string, packet: Packet): void {
    this.packets++
    const link = this.#link(from, to)
    const { cut } = link
    if (cut !== undefined) {
      cut.seen()
      link.held.push(packet)
      return
    }
    let millis = this.#random.between(...baseMillis)
    if (this.#random.chance(tailChance)) millis += this.#random.between(...tailMillis)
    let overtaken = false
    for (const condition of link.conditions) {
      if (condition.drop !== undefined && this.#strikes.by(condition, condition.drop)) {
        condition.seen()
        return this.#world.log(`${from}>${to}`, `lost ${packet.label}`)
      }
      if (condition.delayMillis !== undefined) {
        condition.seen()
        millis += this.#random.between(...condition.delayMillis)
      }
      if (condition.reorder !== undefined && this.#strikes.by(condition, condition.reorder)) {
        condition.seen()
        overtaken = true
        millis += this.#random.between(...reorderMillis)
      }
      if (
        packet.again !== undefined &&
        condition.duplicate !== undefined &&
        this.#strikes.by(condition, condition.duplicate)
      ) {
        condition.seen()
        this.#arrive(
          from,
          to,
          link,
          { label: `${packet.label} again`, arrive: packet.again },
          millis + this.#random.between(0, 3_000)
        )
      }
    }
    if (packet.stream !== undefined && !overtaken) {
      const at = Math.max(this.#world.now + millis, packet.stream.arrivesAt)
      packet.stream.arrivesAt = at
      millis = at - this.#world.now
    }
    this.#arrive(from, to, link, packet, millis)
  }

  #arrive(from: string, to: string, link: Link, packet: Packet, millis: number): void {
    this.#world.after(millis, () => {
      const { cut } = link
      if (cut !== undefined) {
        cut.seen()
        link.held.push(packet)
        return
      }
      this.#world.log(`${from}>${to}`, packet.label)
      packet.arrive()
    })
  }

  #link(from: string, to: string): Link {
    const key = `${from}>${to}`
    let link = this.#links.get(key)
    if (link === undefined) this.#links.set(key, (link = new Link()))
    return link
  }
}
