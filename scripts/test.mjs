/**
 * Everything once: lint, format, types, then the tests. What needs only cores goes first, both levels as one run so
 * that neither core is idle at the end of the first; then what starts servers, level by level. The last lines say what
 * failed, with the first of what each failure printed, and the counts of the tests' reports; lint, format, types and a
 * test file that could not be loaded each count as one failure. Arguments go to vitest.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, readFileSync, rmSync } from "node:fs"
import { relative } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const runs = [["unit", "simulation"], ["integration"], ["chaos"]]

const run = (name, ...args) => {
  console.log(`> ${name} ${args.join(" ")}`)
  return (
    spawnSync(process.execPath, [`${root}node_modules/${name}`, ...args], { cwd: root, stdio: "inherit" }).status === 0
  )
}

const firstLines = (text) => (text ?? "").split("\n").slice(0, 12).join("\n    ")

/** The failed tests of one file, or the file itself when it could not be loaded. */
const failuresOf = ({ assertionResults, message, name, status }) => {
  const file = relative(root, name)
  const tests = assertionResults.filter((test) => test.status === "failed")
  if (tests.length === 0) return status === "failed" ? [`${file}\n    ${firstLines(message)}`] : []
  return tests.map(({ failureMessages, fullName }) => `${file}: ${fullName}\n    ${firstLines(failureMessages?.[0])}`)
}

/** Counts of the report; a run that ended badly has at least one failure, whatever its report says. */
const countsOf = (name, report, ended) => {
  let tests
  try {
    tests = JSON.parse(readFileSync(report, "utf8"))
  } catch {
    return { passed: 0, failures: ended ? [] : [`${name}: it ended without a report`], skipped: 0 }
  }
  const failures = tests.testResults.flatMap(failuresOf)
  if (failures.length === 0 && !(ended && tests.success)) failures.push(`${name}: an error outside its tests`)
  return { passed: tests.numPassedTests, failures, skipped: tests.numPendingTests + tests.numTodoTests }
}

const testLevels = (levels) => {
  const name = levels.join("-")
  const report = `${root}.clawster/test-report-${name}.json`
  rmSync(report, { force: true })
  const ended = run(
    "vitest/vitest.mjs",
    "run",
    ...levels.map((level) => `--project=${level}`),
    "--passWithNoTests",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...process.argv.slice(2)
  )
  return countsOf(name, report, ended)
}

mkdirSync(`${root}.clawster`, { recursive: true })
const checks = [
  ["lint", run("oxlint/bin/oxlint", "--quiet")],
  ["format", run("oxfmt/bin/oxfmt", "--check")],
  ["types", run("typescript/bin/tsc", "-p", ".")]
]
const counts = runs.map(testLevels)
const sum = (name) => counts.reduce((total, count) => total + count[name], 0)
const [passed, skipped] = [sum("passed"), sum("skipped")]
const failures = [
  ...checks.filter(([, isMet]) => !isMet).map(([name]) => name),
  ...counts.flatMap((count) => count.failures)
]

for (const failure of failures) console.log(`FAILED ${failure}`)
console.log(`${passed} passed, ${failures.length} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`)
process.exitCode = failures.length === 0 ? 0 : 1
