/**
 * Connections between hosts over the virtual network, which behave like TCP: the kernel accepts for a frozen process,
 * the port of a dead process refuses, a machine without power answers nothing, and a write to a connection that the
 * peer has forgotten is reset.
 */
import type { Host } from "./Host.ts"
import type { Network, Packet } from "./Network.ts"
import type { World } from "./World.ts"

export type Loss = "closed" | "reset"

/** One end of a connection, as its process sees it. */
export class End {
  readonly host: Host
  /** Whether this is the side that accepted the connection. */
  readonly accepted: boolean
  readonly #sockets: Sockets
  readonly #stream = { arrivesAt: 0 }
  readonly #inbox: Array<string | Uint8Array> = []
  peer: End | undefined
  /** Undefined while the connection is open. */
  loss: Loss | undefined
  onReadable: (() => void) | undefined

  constructor(sockets: Sockets, host: Host, accepted: boolean) {
    this.#sockets = sockets
    this.host = host
    this.accepted = accepted
  }

  /** The frames that have arrived; undefined when there are none yet. */
  read(): ReadonlyArray<string | Uint8Array> | undefined {
    return this.#inbox.length === 0 ? undefined : this.#inbox.splice(0)
  }

  /** Returns `false` when the connection is lost. Without a peer the frame is discarded. */
  write(frame: string | Uint8Array): boolean {
    const { peer } = this
    if (this.loss !== undefined) return false
    if (peer === undefined) return true
    const again = this.#sockets.repeat(peer, frame)
    this.#sockets.send(this, peer, {
      label: labelOf(frame),
      arrive: () => this.#sockets.arrive(peer, this, () => peer.receive(frame)),
      stream: this.#stream,
      ...(again === undefined ? {} : { again })
    })
    return true
  }

  /** Closes the connection on behalf of its own process and notifies the peer. */
  close(): void {
    if (this.loss !== undefined) return
    this.loss = "closed"
    this.#sockets.forget(this)
    this.#tell("closed")
  }

  /** Ends the connection because its process died. The kernel still resets the peer, unless the machine lost power. */
  die(tellPeer: boolean): void {
    this.loss = "reset"
    if (tellPeer) this.#tell("reset")
  }

  lose(loss: Loss): void {
    if (this.loss !== undefined) return
    this.loss = loss
    this.#sockets.forget(this)
    this.onReadable?.()
  }

  #tell(loss: Loss): void {
    const { peer } = this
    if (peer === undefined) return
    this.#sockets.send(this, peer, {
      label: loss === "closed" ? "FIN" : "RST",
      arrive: () => peer.host.deliver("io", () => peer.lose(loss)),
      stream: this.#stream
    })
  }

  receive(frame: string | Uint8Array): void {
    if (this.loss !== undefined) return
    this.#inbox.push(frame)
    this.onReadable?.()
  }
}

const ghostMillis = 30_000

interface Listener {
  readonly host: Host
  readonly accept: (end: End) => void
}

export class Sockets {
  readonly #world: World
  readonly #network: Network
  readonly #listeners = new Map<string, Listener>()
  readonly #ends = new Map<Host, Set<End>>()
  /** Machines without power: no packet to them gets an answer. */
  readonly dark = new Set<string>()

  constructor(world: World, network: Network) {
    this.#world = world
    this.#network = network
  }

  /** Listens on the port of a host, which has only one. Returns the function that stops listening. */
  listen(host: Host, accept: (end: End) => void): () => void {
    const listener = { host, accept }
    this.#listeners.set(host.name, listener)
    return () => {
      if (this.#listeners.get(host.name) === listener) this.#listeners.delete(host.name)
    }
  }

  /** Calls `answer` once, or never. */
  connect(host: Host, to: string, answer: (end: End | "refused") => void): void {
    const near = this.#open(host, false)
    this.#knock(
      host,
      to,
      (listener) => {
        if (listener === undefined) return host.deliver("io", () => answer("refused"))
        host.deliver("io", () => answer(near))
      },
      (listener) => {
        const far = this.#open(listener.host, true)
        near.peer = far
        far.peer = near
        listener.host.deliver("io", () => listener.accept(far))
      }
    )
  }

  /** Checks whether a port answers, like a connection that is closed at once. */
  knock(host: Host, to: string, answer: (verdict: "answers" | "refuses") => void): void {
    this.#knock(
      host,
      to,
      (listener) => host.deliver("io", () => answer(listener === undefined ? "refuses" : "answers")),
      () => {}
    )
  }

  /** Resets the connections that a host has opened to a machine, on the host's side only. */
  cut(host: Host, to: string): void {
    for (const end of [...(this.#ends.get(host) ?? [])]) {
      if (!end.accepted && end.peer?.host.name === to) end.lose("reset")
    }
  }

  crash(host: Host, quietly: boolean): void {
    if (quietly) this.dark.add(host.name)
    if (this.#listeners.get(host.name)?.host === host) this.#listeners.delete(host.name)
    for (const end of this.#ends.get(host) ?? []) end.die(!quietly)
    this.#ends.delete(host)
  }

  send(from: End, to: End, packet: Packet): void {
    this.#network.send(from.host.name, to.host.name, packet)
  }

  arrive(to: End, from: End, receive: () => void): void {
    if (this.dark.has(to.host.name)) return
    if (to.loss === undefined && to.host.status !== "dead") return to.host.deliver("io", receive)
    this.#network.send(to.host.name, from.host.name, {
      label: "RST",
      arrive: () => from.host.deliver("io", () => from.lose("reset"))
    })
  }

  /**
   * Returns what delivers a second copy of a request, as from a client whose first connection broke after the request
   * was read: the copy arrives on a connection whose replies nobody reads. Undefined for other frames.
   */
  repeat(to: End, frame: string | Uint8Array): (() => void) | undefined {
    if (typeof frame !== "string" || !frame.includes(`"_tag":"Request"`)) return undefined
    return () => {
      const listener = this.#listeners.get(to.host.name)
      if (listener === undefined || !to.accepted || this.dark.has(to.host.name)) return
      const ghost = this.#open(listener.host, true)
      listener.host.deliver("io", () => {
        listener.accept(ghost)
        ghost.receive(frame)
      })
      this.#world.after(ghostMillis, () => listener.host.deliver("io", () => ghost.lose("closed")))
    }
  }

  forget(end: End): void {
    this.#ends.get(end.host)?.delete(end)
  }

  #open(host: Host, accepted: boolean): End {
    const end = new End(this, host, accepted)
    const ends = this.#ends.get(host) ?? new Set()
    this.#ends.set(host, ends.add(end))
    return end
  }

  #knock(
    host: Host,
    to: string,
    answer: (listener: Listener | undefined) => void,
    accepted: (listener: Listener) => void
  ): void {
    this.#network.send(host.name, to, {
      label: "SYN",
      arrive: () => {
        if (this.dark.has(to)) return
        const listener = this.#listeners.get(to)
        if (listener !== undefined) accepted(listener)
        this.#network.send(to, host.name, {
          label: listener === undefined ? "RST" : "ACK",
          arrive: () => answer(listener)
        })
      }
    })
    this.#world.log(host.name, `connects to ${to}`)
  }
}

/**
 * Describes a frame of the cluster's protocol for the trace, without the frame's own ids, which name fibers of this
 * process.
 */
const labelOf = (frame: string | Uint8Array): string => {
  if (typeof frame !== "string") return `frame of ${frame.length} bytes`
  const tag = /"_tag":"(\w+)"/.exec(frame)?.[1] ?? "frame"
  const entity = /"entityType":"([^"]+)"/.exec(frame)?.[1]
  const id = /"entityId":"([^"]+)"/.exec(frame)?.[1]
  const command = entity === undefined ? undefined : /"tag":"(\w+)","payload|"tag":"(\w+)"[^{}]*"headers/.exec(frame)
  return [tag, entity === undefined ? undefined : `${entity}/${id}`, command?.[1] ?? command?.[2]]
    .filter(Boolean)
    .join(" ")
}
