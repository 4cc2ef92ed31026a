/** The environment of gateway processes and of commands run beside them. Pure. */
import { gatewayEnvironment } from "../../openclaw/GatewayConfig.ts"
import type { ResourceLimits } from "../../schema/Instance.ts"
import type { InstanceFiles } from "./files/InstanceFiles.ts"

/**
 * Variables of the runner that are passed on. A gateway's tools run shell commands, which must not see the runner's
 * secrets.
 */
const passedOn = [
  "PATH",
  "LANG",
  "LC_ALL",
  "TZ",
  "TMPDIR",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR"
]

/** Memory that a gateway process uses beside its heap. */
const besideHeapMB = 320
const heapMinMB = 192

/**
 * Without `maxMemoryMB` the heap may grow as far as Node allows. With it the process stays near `maxMemoryMB`, which is
 * a soft limit.
 */
const heapLimit = ({ maxMemoryMB }: ResourceLimits): Record<string, string> =>
  maxMemoryMB === undefined
    ? {}
    : { NODE_OPTIONS: `--max-old-space-size=${Math.max(heapMinMB, maxMemoryMB - besideHeapMB)}` }

export const environmentOf = (
  files: InstanceFiles,
  limits: ResourceLimits,
  runner: Readonly<Record<string, string | undefined>>,
  extra: Readonly<Record<string, string>>
): Record<string, string> => ({
  ...Object.fromEntries(passedOn.flatMap((name) => (runner[name] === undefined ? [] : [[name, runner[name]]]))),
  ...heapLimit(limits),
  ...extra,
  ...gatewayEnvironment({ config: files.config, state: files.state, home: files.home })
})
