import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const inRepository = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Files at a time. Most of what a file does is waiting, for one core or for processes. */
const maxWorkers = 2

/** Runners and gateways that tests start find their modules compiled there, and so do the workers. */
const env = { NODE_COMPILE_CACHE: inRepository(".clawster/compile-cache") }

/** A worker keeps its modules from file to file, since loading them took as long as the tests did. */
const quick = { isolate: false }

/** A file that starts processes has a process of its own. */
const withServers = { globalSetup: inRepository("test/fixtures/servers/globalSetup.ts"), hookTimeout: 300_000 }

const project = (name: string, include: Array<string>, options: object = {}) => ({
  test: { name, include, testTimeout: 120_000, hookTimeout: 120_000, env, maxWorkers, ...options }
})

/**
 * One project a level: `unit` needs nothing, `simulation` runs seeded clusters in virtual time, `integration` starts
 * real servers, `chaos` kills real processes.
 */
export default defineConfig({
  test: {
    projects: [
      project("unit", ["test/**/*.test.ts"], {
        exclude: ["test/**/*.integration.test.ts", "test/{acceptance,chaos,simulation}/**", "test/fixtures/**"],
        ...quick
      }),
      project("simulation", ["test/simulation/**/*.test.ts"], quick),
      project("integration", ["test/**/*.integration.test.ts"], { ...withServers, testTimeout: 180_000 }),
      project("chaos", ["test/chaos/**/*.test.ts", "test/acceptance/**/*.test.ts"], {
        ...withServers,
        testTimeout: 300_000,
        // One at a time: these tests bound how long callers may wait on a machine that they have for themselves.
        maxWorkers: 1,
        sequence: { groupOrder: 1 }
      })
    ]
  }
})
