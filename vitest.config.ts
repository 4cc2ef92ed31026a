import { defineConfig } from "vitest/config"

const project = (name: string, include: Array<string>, options: object = {}) => ({
  test: { name, include, testTimeout: 120_000, hookTimeout: 120_000, ...options }
})

/**
 * One project a level: `unit` needs nothing, `simulation` runs seeded clusters in virtual time, `integration` starts
 * real servers, `chaos` kills real processes. Levels that start processes run one file at a time, since two cores are
 * shared by all of them.
 */
export default defineConfig({
  test: {
    projects: [
      project("unit", ["test/**/*.test.ts"], {
        exclude: ["test/**/*.integration.test.ts", "test/{acceptance,chaos,simulation}/**"]
      }),
      project("simulation", ["test/simulation/**/*.test.ts"]),
      project("integration", ["test/**/*.integration.test.ts"], {
        fileParallelism: false,
        testTimeout: 180_000,
        hookTimeout: 300_000
      }),
      project("chaos", ["test/chaos/**/*.test.ts", "test/acceptance/**/*.test.ts"], {
        fileParallelism: false,
        testTimeout: 300_000,
        hookTimeout: 300_000
      })
    ]
  }
})
