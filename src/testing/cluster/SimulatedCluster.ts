/** Runners, a client and the outside world, each a separate process on one virtual network with one virtual store. */
import { type Context, Effect, Exit, Layer, Scope } from "effect"
import { MachineId, type Sharding, type ShardingConfig, Snowflake } from "effect/cluster"
import type { ActorDirectory } from "../../actor/runtime/ActorDirectory.ts"
import type { Journal } from "../../actor/Journal.ts"
import type { Ownership } from "../../actor/Ownership.ts"
import { SecretBox } from "../../actor/SecretBox.ts"
import type { WakeScheduler } from "../../actor/runtime/WakeScheduler.ts"
import { defaultPlacement, type Placement } from "../../schema/Ids.ts"
import { Database, databaseNode, type StorePlant } from "../store/Database.ts"
import { StoreAccess } from "../store/StoreAccess.ts"
import { Host } from "../world/Host.ts"
import { Network } from "../world/Network.ts"
import { secretBox } from "../world/SimulatedSecrets.ts"
import { Sockets } from "../world/Sockets.ts"
import type { World } from "../world/World.ts"
import { OutsideProcess } from "./OutsideProcess.ts"
import * as RunnerLayers from "./RunnerLayers.ts"

/** The services that an actor's layer finds on every runner. */
export type RunnerServices =
  | Sharding.Sharding
  | ShardingConfig.ShardingConfig
  | Journal
  | Ownership
  | WakeScheduler
  | ActorDirectory
  | StoreAccess
  | OutsideProcess

export interface ClusterOptions<Outside> {
  readonly runners: number
  readonly actors: Layer.Layer<never, never, RunnerServices | Outside>
  /**
   * Services that are outside of all runners and outlive them, for example gateways. Their fibers run in a process of
   * their own.
   */
  readonly outside: Layer.Layer<Outside>
  readonly placements: ReadonlyArray<Placement>
  readonly leaseMillis: number
  readonly plant: Plant
}

/** Bugs planted in the system under test, to verify that a check detects them. */
export interface Plant extends StorePlant {
  /** Changes the journal of every runner. */
  readonly journal?: (journal: Journal["Service"]) => Journal["Service"]
}

interface Machine {
  readonly name: string
  serves: ReadonlyArray<Placement>
  /** False once it has left for good (`leave`), until it joins again. */
  isMember: boolean
  incarnation: number
  skewMillis: number
  host: Host | undefined
  scope: Scope.Closeable | undefined
  /** Present once the runner has started. */
  context: Context.Context<never> | undefined
}

/** How long a process that is asked to stop may take. */
export const stopPatienceMillis = 15_000

export const clientNode = "client"
export const outsideNode = "outside"

export class SimulatedCluster<Outside> {
  readonly world: World
  readonly network: Network
  readonly sockets: Sockets
  readonly database: Database
  readonly client: Host
  readonly outside: Host
  readonly machines = new Map<string, Machine>()
  /** Virtual milliseconds since which each placement has had a member without a break. */
  readonly servedSince = new Map<string, number>()
  outsideContext: Context.Context<Outside> | undefined
  clientContext: Context.Context<Sharding.Sharding> | undefined
  readonly #options: ClusterOptions<Outside>

  constructor(world: World, options: ClusterOptions<Outside>) {
    this.#options = options
    this.world = world
    this.network = new Network(world)
    this.sockets = new Sockets(world, this.network)
    this.database = new Database(world, this.network, options.plant)
    this.client = new Host(world, clientNode, 1)
    this.outside = new Host(world, outsideNode, 1)
    for (let n = 1; n <= options.runners; n++) this.#add(`runner-${n}`, options.placements)
  }

  #add(name: string, placements: ReadonlyArray<Placement>): void {
    const known = this.machines.get(name)
    if (known?.isMember === true || known?.host !== undefined) throw new Error(`${name} is there already`)
    const serves = [defaultPlacement, ...placements]
    this.machines.set(name, {
      name,
      serves,
      isMember: true,
      incarnation: known?.incarnation ?? 0,
      skewMillis: 0,
      host: undefined,
      scope: undefined,
      context: undefined
    })
    for (const placement of serves) {
      if (!this.servedSince.has(placement)) this.servedSince.set(placement, this.world.now)
    }
  }

  /** Adds a machine to the running cluster. */
  join(name: string, placements: ReadonlyArray<Placement>): void {
    this.#add(name, placements)
    this.start(name)
  }

  /** Stops a machine for good. */
  leave(name: string): void {
    const machine = this.machines.get(name)
    if (machine === undefined || !this.stop(name, stopPatienceMillis)) throw new Error(`${name} does not run`)
    this.#forgo(machine)
  }

  /** The machine loses power for good. */
  lose(name: string): void {
    const machine = this.machines.get(name)
    if (machine === undefined || !this.crash(name, true)) throw new Error(`${name} does not run`)
    this.#forgo(machine)
  }

  #forgo(machine: Machine): void {
    machine.isMember = false
    const left = new Set([...this.machines.values()].flatMap(({ isMember, serves }) => (isMember ? serves : [])))
    for (const placement of machine.serves) if (!left.has(placement)) this.servedSince.delete(placement)
  }

  /** Cuts the machine off from all others, but not from what runs outside of them; answers how to heal it. */
  cutOff(name: string): () => void {
    const others = [clientNode, databaseNode, ...this.machines.keys()].filter((other) => other !== name)
    const cut = { cut: true, seen: () => {} }
    const links = others.flatMap((other) => [[name, other] as const, [other, name] as const])
    for (const [from, to] of links) this.network.impose(from, to, cut)
    this.world.log(name, "is cut off", true)
    return () => {
      this.world.log(name, "is reached again", true)
      for (const [from, to] of links) this.network.lift(from, to, cut)
    }
  }

  isThere(name: string): boolean {
    return this.machines.get(name)?.host !== undefined
  }

  begin(): void {
    this.#build(this.outside, this.#options.outside, (context) => {
      this.outsideContext = context
      for (const name of this.machines.keys()) this.start(name)
    })
    const { client: host, database, sockets } = this
    const layer = RunnerLayers.client({ host, database, sockets })
    this.#build(host, layer, (context) => {
      this.clientContext = context
    })
  }

  /** False when its former process has not ended yet. A machine that has left stays away. */
  start(name: string): boolean {
    const machine = this.machines.get(name)!
    if (!machine.isMember) return true
    if (machine.host !== undefined) return false
    const host = new Host(this.world, name, ++machine.incarnation)
    host.skewMillis = machine.skewMillis
    machine.host = host
    this.sockets.dark.delete(name)
    this.world.log(name, `starts, the ${machine.incarnation}. time`, true)
    const { actors, leaseMillis, plant } = this.#options
    const { database, sockets } = this
    const runner = RunnerLayers.runner({
      host,
      database,
      sockets,
      serves: machine.serves,
      leaseMillis,
      journal: plant.journal
    })
    const layer = actors.pipe(
      Layer.provideMerge(runner),
      Layer.provideMerge(
        Layer.succeed(SecretBox, secretBox(this.world.random.fork(`secrets/${name}/${machine.incarnation}`)))
      ),
      Layer.provide([
        Layer.succeed(StoreAccess, StoreAccess.of(StoreAccess.over(database, host))),
        Layer.succeed(OutsideProcess, OutsideProcess.of(OutsideProcess.between(host, this.outside)))
      ]),
      Layer.provide(Layer.succeedContext(this.outsideContext!))
    )
    this.#build(host, layer, (context, scope) => {
      machine.context = context
      machine.scope = scope
    })
    return true
  }

  /** Kills the process, like SIGKILL. `quietly`: the machine loses power as well, so no port refuses. */
  crash(name: string, quietly: boolean): boolean {
    const machine = this.machines.get(name)!
    const { host } = machine
    if (host === undefined) return false
    this.world.log(name, quietly ? "loses power" : "is killed", true)
    this.#gone(machine, host, quietly)
    return true
  }

  /** Stops the process gracefully, like SIGTERM; it is killed when it has not stopped after `patienceMillis`. */
  stop(name: string, patienceMillis: number): boolean {
    const machine = this.machines.get(name)!
    const { host, scope } = machine
    if (host === undefined || scope === undefined || host.status !== "running") return false
    this.world.log(name, "is asked to stop", true)
    const end = () => {
      if (machine.host !== host) return
      this.world.log(name, "has stopped", true)
      this.#gone(machine, host, false)
    }
    const patience = this.world.after(patienceMillis, () => {
      if (machine.host === host) this.world.log(name, "did not stop in time", true)
      end()
    })
    host.run(Scope.close(scope, Exit.void)).addObserver(() => {
      patience.cancel()
      end()
    })
    machine.scope = undefined
    return true
  }

  freeze(name: string): boolean {
    const { host } = this.machines.get(name)!
    if (host?.status !== "running") return false
    this.world.log(name, "is frozen", true)
    host.freeze()
    return true
  }

  thaw(name: string, host: Host): void {
    if (host.status !== "frozen") return
    this.world.log(name, `thaws with ${host.deferred.length} events waiting`, true)
    host.thaw()
  }

  skew(name: string, millis: number): boolean {
    const machine = this.machines.get(name)!
    machine.skewMillis += millis
    if (machine.host === undefined) return false
    machine.host.skewMillis = machine.skewMillis
    this.world.log(name, `its clock jumps by ${millis} ms`, true)
    return true
  }

  #gone(machine: Machine, host: Host, quietly: boolean): void {
    machine.host = undefined
    machine.context = undefined
    machine.scope = undefined
    host.kill()
    this.sockets.crash(host, quietly)
  }

  #build<A>(
    host: Host,
    layer: Layer.Layer<A, unknown>,
    built: (context: Context.Context<A>, scope: Scope.Closeable) => void
  ): void {
    const { world } = this
    host.run(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const memo = Layer.makeMemoMapUnsafe()
        yield* memo.getOrElseMemoize(Snowflake.layerGenerator, scope, (inner, own) =>
          Layer.buildWithMemoMap(snowflakes, inner, own)
        )
        built(yield* Layer.buildWithMemoMap(layer, memo, scope), scope)
      }).pipe(
        Effect.catchCause((cause) =>
          Effect.sync(() => world.trace.note(world.now, host.name, `did not start: ${String(cause)}`))
        )
      )
    )
  }
}

/**
 * A generator with a fixed first machine id, because the cluster's own draws its first one from Math.random; a runner
 * gets its id when it has registered.
 */
const snowflakes = Layer.effect(
  Snowflake.Generator,
  Effect.tap(Snowflake.makeGenerator, (generator) => generator.setMachineId(MachineId.make(1_023)))
)
