/**
 * Everything once: lint, format, types, then the tests, level by level, since two cores are shared by all they start.
 * The last line says how it went, with the counts of the tests' reports; lint, format, types and a test file that could
 * not be loaded each count as one failure. Arguments go to vitest.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, readFileSync, rmSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const levels = ["unit", "simulation", "integration", "chaos"]

const run = (name, ...args) => {
  console.log(`> ${name} ${args.join(" ")}`)
  return (
    spawnSync(process.execPath, [`${root}node_modules/${name}`, ...args], { cwd: root, stdio: "inherit" }).status === 0
  )
}

/** Counts of the report; a run that ended badly has at least one failure, whatever its report says. */
const countsOf = (report, ended) => {
  let tests
  try {
    tests = JSON.parse(readFileSync(report, "utf8"))
  } catch {
    return { passed: 0, failed: ended ? 0 : 1, skipped: 0 }
  }
  const unloaded = tests.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed")
  )
  const failed = tests.numFailedTests + unloaded.length
  return {
    passed: tests.numPassedTests,
    failed: failed === 0 && !(ended && tests.success) ? 1 : failed,
    skipped: tests.numPendingTests + tests.numTodoTests
  }
}

const testLevel = (level) => {
  const report = `${root}.clawster/test-report-${level}.json`
  rmSync(report, { force: true })
  const ended = run(
    "vitest/vitest.mjs",
    "run",
    `--project=${level}`,
    "--passWithNoTests",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...process.argv.slice(2)
  )
  return countsOf(report, ended)
}

mkdirSync(`${root}.clawster`, { recursive: true })
const checks = [
  run("oxlint/bin/oxlint", "--quiet"),
  run("oxfmt/bin/oxfmt", "--check"),
  run("typescript/bin/tsc", "-p", ".")
]
const counts = levels.map(testLevel)
const sum = (name) => counts.reduce((total, count) => total + count[name], 0)
const [passed, skipped] = [sum("passed"), sum("skipped")]
const failed = sum("failed") + checks.filter((ok) => !ok).length

console.log(`${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`)
process.exitCode = failed === 0 ? 0 : 1
