/** The rules that hold for the image and the compose file, where no tool at hand checks them. */
import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { readFileSync } from "node:fs"
import { parse } from "yaml"

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")

interface Service {
  readonly image?: string
  readonly user?: string
  readonly command?: unknown
  readonly privileged?: boolean
  readonly ports?: ReadonlyArray<string>
  readonly volumes?: ReadonlyArray<string>
  readonly stop_grace_period?: string
  readonly environment?: Record<string, string>
  readonly healthcheck?: { readonly test?: ReadonlyArray<string>; readonly disable?: boolean }
  readonly depends_on?: Record<string, { readonly condition: string }>
}

const compose: { readonly services: Record<string, Service>; readonly volumes: Record<string, unknown> } = parse(
  read("docker-compose.yaml"),
  { merge: true }
)
const services = Object.entries(compose.services)
const ours = services.filter(([name]) => name !== "postgres")
const runners = services.filter(([name]) => name.startsWith("runner-"))

const instructions = read("runner.Dockerfile")
  .replaceAll(/\\\n\s*/g, "")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
const instruction = (name: string) => instructions.filter((line) => line.startsWith(`${name} `))
const seconds = (period: string | undefined) => Number(/^(\d+)s$/.exec(period ?? "")?.[1] ?? 0)

const termination = /terminationTimeout = "([^"]+)"/.exec(read("src/shards/ClusterConfig.ts"))![1]
const terminationSeconds = Duration.toSeconds(Duration.fromInputUnsafe(termination as Duration.Input))

describe("runner.Dockerfile", () => {
  it("builds in one stage and runs in another, on Node 24", () => {
    const stages = instruction("FROM")
    assert.isAtLeast(stages.length, 2)
    for (const stage of stages) assert.match(stage, /^FROM node:24/)
  })

  it("runs as a user without rights, and never goes back", () => {
    assert.deepStrictEqual(instruction("USER"), ["USER node"])
    const last = instructions.findLastIndex((line) => line.startsWith("FROM "))
    assert.isAbove(instructions.indexOf("USER node"), last)
  })

  it("takes SIGTERM itself: exec form, no shell between", () => {
    assert.deepStrictEqual(instruction("STOPSIGNAL"), ["STOPSIGNAL SIGTERM"])
    for (const line of [...instruction("CMD"), ...instruction("ENTRYPOINT")]) {
      assert.doesNotThrow(() => JSON.parse(line.slice(line.indexOf(" "))), line)
    }
    assert.match(instruction("HEALTHCHECK")[0] ?? "", /--interval=10s --timeout=5s .*CMD \[".*"\]$/)
  })

  it("copies nothing that is not there or not let through by .dockerignore", () => {
    const passed = read(".dockerignore")
      .split("\n")
      .filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1))
    const copied = instruction("COPY")
      .filter((line) => !line.includes("--from="))
      .flatMap((line) => line.split(" ").slice(1, -1))
    assert.deepStrictEqual(
      copied.filter((file) => !passed.includes(file)),
      []
    )
  })
})

describe("docker-compose.yaml", () => {
  it("starts PostgreSQL, migrates, then three runners and the gateway on port 7373", () => {
    assert.deepStrictEqual(
      services.map(([name]) => name),
      ["postgres", "migrate", "runner-1", "runner-2", "runner-3", "gateway"]
    )
    assert.strictEqual(compose.services.migrate?.depends_on?.postgres?.condition, "service_healthy")
    for (const [name, { depends_on }] of [...runners, ["gateway", compose.services.gateway!] as const]) {
      assert.strictEqual(depends_on?.migrate?.condition, "service_completed_successfully", name)
    }
    assert.match(compose.services.gateway?.ports?.[0] ?? "", /:7373$/)
  })

  it("gives what stops more time than actors take to end", () => {
    assert.isAbove(terminationSeconds, 0)
    for (const [name, service] of ours) assert.isAbove(seconds(service.stop_grace_period), terminationSeconds * 2, name)
  })

  it("runs nothing as root or privileged, commands in exec form, and every image has a tag", () => {
    for (const [name, { command, image, privileged, user }] of services) {
      assert.isUndefined(user, name)
      assert.isUndefined(privileged, name)
      assert.match(image ?? "", /:[^:/}]+\}$/, name)
      if (name !== "postgres") assert.isArray(command, name)
    }
  })

  it("probes what stays up", () => {
    for (const [name, { healthcheck }] of services) {
      if (name === "postgres" || name === "gateway") assert.strictEqual(healthcheck?.test?.[0], "CMD", name)
      else if (name !== "migrate") assert.isUndefined(healthcheck, `${name} uses the image's`)
    }
  })

  it("tells no process of the hosts; each runner names its own, and has a volume of its own", () => {
    for (const [name, { environment }] of ours) assert.notProperty(environment, "CLAWSTER_HOSTS", name)
    for (const [name, { environment, volumes }] of runners) {
      assert.strictEqual(environment?.CLAWSTER_HOST_NAME, name)
      assert.strictEqual(environment?.CLAWSTER_RUNNER_HOST, name)
      assert.deepStrictEqual(volumes, [`${name}:/var/lib/clawster`])
      assert.property(compose.volumes, name)
    }
    assert.notProperty(compose.services.gateway?.environment, "CLAWSTER_HOST_NAME", "it serves no actors")
  })

  it("holds no secret: the database password comes from outside", () => {
    for (const [name, { environment }] of services) {
      for (const value of Object.values(environment ?? {})) assert.notMatch(value, /:\/\/[^$]*:[^$]*@/, name)
    }
  })
})
