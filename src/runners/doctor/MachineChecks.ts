/** The doctor's checks of this machine: the disk of the home, descriptors, ports, Node, OpenClaw and the model. */
import { NodeServices } from "@effect/platform-node"
import { Effect, Option } from "effect"
import { type ChildProcess, execFile } from "node:child_process"
import { accessSync, constants, existsSync, readFileSync, statfsSync } from "node:fs"
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path"
import * as Launcher from "../../instances/process/Launcher.ts"
import * as NodeBinary from "../../openclaw/install/NodeBinary.ts"
import * as OpenClawInstall from "../../openclaw/install/OpenClawInstall.ts"
import { portHolder } from "../../processes/PortHolder.ts"
import { callbackWith } from "../../resources/Callback.ts"
import { refusal } from "../../resources/TcpPorts.ts"
import * as Settings from "../Settings.ts"
import * as HostName from "../settings/HostName.ts"
import { fail, type Finding, ok, warn } from "./Finding.ts"

const gigabyte = 1024 ** 3

/** The folder, or its nearest existing ancestor. */
const nearestFolder = (path: string): string =>
  existsSync(path) || path === dirname(path) ? path : nearestFolder(dirname(path))

export const diskOf = (home: string, free: { readonly bytes: number; readonly inodes: number }): Finding => {
  const found = `${(free.bytes / gigabyte).toFixed(1)} GB and ${free.inodes.toLocaleString("en")} files free in ${home}`
  const advice = "free some space: OpenClaw takes 650 MB, a gateway some 100 MB and what its agents write"
  if (free.bytes < 0.2 * gigabyte || (free.inodes > 0 && free.inodes < 1_000)) return fail("disk", found, advice)
  return free.bytes < 2 * gigabyte || (free.inodes > 0 && free.inodes < 50_000)
    ? warn("disk", found, advice)
    : ok("disk", found)
}

const homeOf = (home: string): Finding => {
  const at = nearestFolder(home)
  try {
    accessSync(at, constants.W_OK | constants.X_OK)
    const name = HostName.kept(home)
    return ok("home", `${home}${at === home ? "" : ", to be made"}${name === undefined ? "" : `, host ${name}`}`)
  } catch {
    return fail("home", `${at} cannot be written`, "give this user the right, or name another by CLAWSTER_HOME")
  }
}

export const home = Effect.gen(function* () {
  const path = yield* Settings.home
  const { bavail, bsize, ffree } = statfsSync(nearestFolder(path))
  return [homeOf(path), diskOf(path, { bytes: bavail * bsize, inodes: ffree })]
})

export const descriptorsOf = (limits: string): Finding => {
  const most = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
  const found = Number.isFinite(most) ? `${most} files may be open` : "as many files as wanted may be open"
  const advice =
    "raise it: ulimit -n 65536, or LimitNOFILE=65536 of the service; a runner or gateway of thousands of sockets needs as many"
  if (most < 512) return fail("descriptors", found, advice)
  return most < 8_192 ? warn("descriptors", found, advice) : ok("descriptors", found)
}

export const descriptors = Effect.sync(() =>
  existsSync("/proc/self/limits") ? [descriptorsOf(readFileSync("/proc/self/limits", "utf8"))] : []
)

const portOf = Effect.fnUntraced(function* (name: string, variable: string, host: string, port: number) {
  const code = port === 0 ? undefined : yield* refusal(host, port)
  if (code === undefined) return ok("port", `${name}: ${host}:${port} is free`)
  const holder = code === "EADDRINUSE" ? portHolder(port) : undefined
  if (holder !== undefined && /clawster|runners?\.(ts|js)|cli\/main/.test(holder)) {
    return ok("port", `${name}: ${host}:${port} is Clawster's already, ${holder}`)
  }
  return warn(
    "port",
    `${name}: ${host}:${port} cannot be used (${code}${holder === undefined ? "" : `, ${holder}`})`,
    `stop that, or set ${variable}`
  )
})

export const ports = Effect.gen(function* () {
  const { host, listenHost, listenPort, port } = yield* Settings.runnerAddress
  const gateway = yield* Settings.gateway
  return [
    yield* portOf(
      "runner",
      "CLAWSTER_RUNNER_PORT",
      Option.getOrElse(listenHost, () => host),
      Option.getOrElse(listenPort, () => port)
    ),
    yield* portOf("gateway", "CLAWSTER_HTTP_PORT", gateway.host, gateway.port)
  ]
})

export const node = Effect.gen(function* () {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  const own =
    major > 22 || (major === 22 && minor >= 19)
      ? ok("node", `Node ${process.versions.node}`)
      : fail("node", `Node ${process.versions.node}`, "Clawster needs 22.19 or newer")
  const forOpenClaw = yield* Effect.result(NodeBinary.find)
  return [
    own,
    forOpenClaw._tag === "Success"
      ? ok("node", `OpenClaw runs on ${forOpenClaw.success}`)
      : warn("node", forOpenClaw.failure.message, "without it no gateway of the managed OpenClaw can be started here")
  ]
})

const versionOf = (command: ReadonlyArray<string>) =>
  callbackWith<ChildProcess, string | undefined>(
    (resume) => {
      const [program, ...args] = command
      return execFile(program!, [...args, "--version"], { timeout: 8_000 }, (error, stdout) =>
        resume(Effect.succeed(error === null ? /\d+\.\d+\.\d+\S*/.exec(stdout)?.[0] : undefined))
      )
    },
    (child) => child.kill("SIGKILL")
  )

/** Whether the version belongs to the release line that this version of Clawster was made with. */
const isTried = (version: string): boolean =>
  version.split(".").slice(0, 2).join(".") === OpenClawInstall.defaultVersion.split(".").slice(0, 2).join(".")

const ofVersion = (where: string, version: string | undefined): Finding => {
  if (version === undefined)
    return fail("openclaw", `${where} does not tell its version`, "run it with --version and see what it says")
  return isTried(version)
    ? ok("openclaw", `${version}, ${where}`)
    : warn(
        "openclaw",
        `${version}, ${where}`,
        `this Clawster was made with ${OpenClawInstall.defaultVersion}; others may speak another protocol`
      )
}

const onPath = (program: string, path: string): boolean =>
  isAbsolute(program) || program.includes("/")
    ? existsSync(resolve(program))
    : path.split(delimiter).some((folder) => folder !== "" && existsSync(join(folder, program)))

export const openclaw = Effect.gen(function* () {
  const { command, home, kinds, path, version } = yield* Settings.drivers
  if (!kinds.includes("process")) return [ok("openclaw", "no gateways are started here (CLAWSTER_DRIVERS)")]
  if (Option.isSome(command)) {
    const program = command.value[0]!
    return [
      onPath(program, path)
        ? ok("openclaw", `started by ${command.value.join(" ")}`)
        : fail("openclaw", `there is no ${program}`, "mend CLAWSTER_GATEWAY_COMMAND")
    ]
  }
  const directory = yield* Settings.openclawDirectory(home)
  const installed = yield* OpenClawInstall.installed({
    directory,
    ...(Option.isSome(version) ? { version: version.value } : {})
  })
  if (Option.isSome(installed)) return [ofVersion(`in ${directory}`, installed.value.version)]
  if (Option.isSome(version)) {
    return [
      warn(
        "openclaw",
        `${version.value} is not installed yet`,
        "clawster openclaw install; a runner does it at its first start"
      )
    ]
  }
  const [found] = Launcher.launchCommands({ path })
  if (found !== undefined) return [ofVersion(found[0], yield* versionOf([found[0]]))]
  return [
    warn(
      "openclaw",
      "none is installed or on the PATH",
      "clawster openclaw install and CLAWSTER_OPENCLAW_VERSION, or CLAWSTER_DRIVERS=remote where no gateway is to be started; up installs its own"
    )
  ]
}).pipe(Effect.provide(NodeServices.layer))

export const model = Effect.gen(function* () {
  const { model } = yield* Settings.drivers
  if (Option.isNone(model)) return [ok("model", "none is set: gateways use what their own configuration names")]
  const { apiKey, baseUrl, name } = model.value
  const answer = yield* Effect.tryPromise((signal) =>
    fetch(`${baseUrl.replace(/\/+$/, "")}/models`, { headers: { authorization: `Bearer ${apiKey}` }, signal })
  ).pipe(Effect.timeout("5 seconds"), Effect.option)
  if (Option.isNone(answer)) {
    return [
      fail("model", `${name}: ${baseUrl} does not answer`, "check baseUrl in CLAWSTER_MODEL, the network and its proxy")
    ]
  }
  const { status } = answer.value
  return [
    status === 401 || status === 403
      ? fail("model", `${name}: the key is refused (${status})`, "check apiKey in CLAWSTER_MODEL")
      : ok("model", `${name}: ${baseUrl} answers (${status})`)
  ]
})
