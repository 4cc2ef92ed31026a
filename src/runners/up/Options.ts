/** What `clawster up` can be told. */
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { parse } from "yaml"

export interface UpOptions {
  readonly runners: number
  readonly instances: number
  readonly port: number
  readonly home: string
  /** Where OpenClaw is installed, one folder a version. */
  readonly openclawDirectory: string
  readonly databaseUrl?: string
  /** OpenClaw configuration of the user's own: JSON or YAML. */
  readonly openclawConfig?: string
}

export const defaults: UpOptions = {
  runners: 3,
  instances: 2,
  port: 7_373,
  home: ".clawster",
  openclawDirectory: ".clawster/openclaw"
}

export class BadOption extends Schema.TaggedError<BadOption>()("BadOption", { message: Schema.String }) {}

/** JSON is YAML too, so one parser reads both. */
export const readConfig = (file: string): Record<string, Schema.Json> => {
  const text = readFileSync(file, "utf8")
  const value: unknown = parse(text)
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BadOption({ message: `--openclaw-config ${file}: expected an object of OpenClaw settings` })
  }
  return value as Record<string, Schema.Json>
}
