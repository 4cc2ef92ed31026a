import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { shrink } from "../../src/testing/faults/Shrink.ts"
import { Host } from "../../src/testing/world/Host.ts"
import { Network } from "../../src/testing/world/Network.ts"
import { Prng } from "../../src/testing/world/Prng.ts"
import { World } from "../../src/testing/world/World.ts"

const started = () => {
  const world = new World("test", 0)
  return { world, a: new Host(world, "a", 1), b: new Host(world, "b", 1) }
}

describe("a simulated process", () => {
  it("runs on virtual time", async () => {
    const { a, world } = started()
    const fiber = a.run(
      Effect.delay(
        Effect.clockWith((clock) => clock.currentTimeMillis),
        "1 hour"
      )
    )
    await world.run(3_599_000)
    assert.isUndefined(fiber.pollUnsafe())
    await world.run(3_601_000)
    const exit = fiber.pollUnsafe()
    assert.isAtLeast(exit?._tag === "Success" ? exit.value : 0, world.epoch + 3_600_000)
  })

  it("does nothing while it is frozen, whoever resumes its fibers, and goes on when it thaws", async () => {
    const { a, b, world } = started()
    const signal = Deferred.makeUnsafe<string>()
    const seen: Array<string> = []
    a.run(
      Effect.andThen(
        Deferred.await(signal),
        Effect.sync(() => seen.push("signal"))
      )
    )
    a.run(
      Effect.delay(
        Effect.sync(() => seen.push("timer")),
        "10 millis"
      )
    )
    await world.run(1)
    a.freeze()
    b.run(Deferred.succeed(signal, "now"))
    await world.run(1_000)
    assert.deepStrictEqual(seen, [])
    a.thaw()
    await world.run(1_001)
    assert.sameMembers(seen, ["signal", "timer"])
  })

  it("runs no finalizer once it is killed", async () => {
    const { a, world } = started()
    let finalized = false
    const fiber = a.run(
      Effect.ensuring(
        Effect.sleep("1 second"),
        Effect.sync(() => (finalized = true))
      )
    )
    await world.run(1)
    a.kill()
    fiber.interruptUnsafe()
    await world.run(10_000)
    assert.isFalse(finalized)
  })

  it("sees its own clock", async () => {
    const { a, b, world } = started()
    a.skewMillis = -5_000
    const [early, late] = [a, b].map((host) => host.run(Effect.clockWith((clock) => clock.currentTimeMillis)))
    await world.run(1)
    assert.deepStrictEqual(
      (await Effect.runPromise(Fiber.join(late!))) - (await Effect.runPromise(Fiber.join(early!))),
      5_000
    )
  })
})

describe("the virtual network", () => {
  const network = () => {
    const { world } = started()
    const net = new Network(world)
    const arrived: Array<string> = []
    const stream = { arrivesAt: 0 }
    const send = (label: string) => net.send("a", "b", { label, stream, arrive: () => arrived.push(label) })
    return { world, net, arrived, send }
  }

  it("keeps the order of a stream, and delivers late what a cut held back", async () => {
    const { arrived, net, send, world } = network()
    let felt = 0
    const cut = { cut: true, seen: () => felt++ }
    net.impose("a", "b", cut)
    for (let n = 0; n < 20; n++) send(String(n))
    await world.run(5_000)
    assert.deepStrictEqual(arrived, [])
    net.lift("a", "b", cut)
    await world.run(10_000)
    assert.deepStrictEqual(
      arrived,
      Array.from({ length: 20 }, (_, n) => String(n))
    )
    assert.strictEqual(felt, 20)
  })

  it("loses and reorders as it is told", async () => {
    const { arrived, net, send, world } = network()
    const seen = () => {}
    net.impose("a", "b", { drop: 0.5, reorder: 0.5, seen })
    for (let n = 0; n < 100; n++) send(String(n))
    await world.run(5_000)
    assert.isBelow(arrived.length, 80)
    assert.isAbove(arrived.length, 20)
    assert.notDeepEqual(
      arrived,
      arrived.toSorted((a, b) => Number(a) - Number(b))
    )
  })
})

describe("shrinking", () => {
  it("finds the two of a hundred that fail together", async () => {
    const fails = (list: ReadonlyArray<number>) => Promise.resolve(list.includes(17) && list.includes(63))
    assert.deepStrictEqual(
      await shrink(
        Array.from({ length: 100 }, (_, n) => n),
        fails,
        200
      ),
      [17, 63]
    )
  })

  it("finds the empty list for what fails by itself", async () => {
    assert.deepStrictEqual(await shrink([1, 2, 3], () => Promise.resolve(true), 10), [])
  })

  it("stops after as many tries as it was given", async () => {
    let tries = 0
    await shrink(
      Array.from({ length: 64 }, (_, n) => n),
      (list) => Promise.resolve(++tries > 0 && list.length > 60),
      10
    )
    assert.isAtMost(tries, 10)
  })
})

describe("seeded numbers", () => {
  it("are the same for the same name, and another stream for another", () => {
    const draw = (prng: Prng) => Array.from({ length: 5 }, () => prng.next())
    assert.deepStrictEqual(draw(new Prng("a")), draw(new Prng("a")))
    assert.notDeepEqual(draw(new Prng("a")), draw(new Prng("b")))
    const parent = new Prng("a")
    const before = draw(parent.fork("x"))
    draw(parent)
    assert.deepStrictEqual(draw(parent.fork("x")), before)
  })
})
