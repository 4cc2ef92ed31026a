#!/usr/bin/env node
/**
 * Starts the command line: from its sources in a checkout, from dist in an installed package. Where this Node is too
 * old, the Node that the checkout brings along is used.
 */
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

const at = (path) => new URL(path, import.meta.url)
const isOld = (version) => {
  const [major, minor] = version.split(".").map(Number)
  return major < 22 || (major === 22 && minor < 19)
}
const here = [at("../src/cli/main.ts"), at("../dist/cli/main.js")].find((url) => existsSync(url))
const ownNode = at("../node_modules/node/bin/node")

if (here === undefined) {
  console.error("clawster: neither src nor dist is here; reinstall the package, or run npm run build in a checkout")
  process.exitCode = 1
} else if (!isOld(process.versions.node)) {
  await import(here.href)
} else if (!existsSync(ownNode)) {
  console.error(
    `clawster: needs Node 22.19 or newer, this is ${process.versions.node}; in a checkout, npm ci brings Node 24`
  )
  process.exitCode = 1
} else {
  const child = spawn(fileURLToPath(ownNode), [fileURLToPath(here), ...process.argv.slice(2)], { stdio: "inherit" })
  // A terminal sends Ctrl-C to the whole group; what is sent to this process alone is passed on.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"))
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal))
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? (signal === "SIGINT" ? 130 : 143)
  })
}
