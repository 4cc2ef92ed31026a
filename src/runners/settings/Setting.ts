/**
 * One setting of a process: its name in the environment, its accepted values, and its effect. All code that shows or
 * checks settings uses these definitions.
 */
import { Config, ConfigProvider, Effect, Exit, type Schema, Schema as S } from "effect"

/** The kinds of processes that read a setting. */
export type ProcessKind = "up" | "runner" | "gateway" | "migrate" | "cli"

export interface About {
  /** What the setting does, as text for users. */
  readonly meaning: string
  readonly readBy: ReadonlyArray<ProcessKind>
  /** When set, the value is never shown. */
  readonly isSecret?: boolean
}

export interface Setting<A> extends About {
  readonly name: string
  /** The accepted values, as text for users. */
  readonly type: string
  /** The default as it would be written; undefined when there is none. */
  readonly fallback: string | undefined
  readonly config: Config.Config<A>
}

export const make = <A>(
  name: string,
  type: string,
  fallback: string | undefined,
  config: Config.Config<A>,
  about: About
): Setting<A> => ({ name, type, fallback, config, ...about })

export const text = (name: string, fallback: string, about: About): Setting<string> =>
  make(name, "text", fallback, Config.NonEmptyString(name).pipe(Config.withDefault(fallback)), about)

export const optional = <A>(name: string, type: string, config: Config.Config<A>, about: About) =>
  make(name, type, undefined, Config.option(config), about)

export const port = (name: string, fallback: number, about: About): Setting<number> =>
  make(name, "a port, 1 to 65535", String(fallback), Config.Port(name).pipe(Config.withDefault(fallback)), about)

const between = (name: string, minimum: number, maximum: number) =>
  Config.schema(S.NumberFromString.check(S.isInt(), S.isBetween({ minimum, maximum })), name)

export const whole = (name: string, fallback: number, [minimum, maximum]: readonly [number, number], about: About) =>
  make(
    name,
    `a whole number, ${minimum} to ${maximum}`,
    String(fallback),
    between(name, minimum, maximum).pipe(Config.withDefault(fallback)),
    about
  )

export const choice = <const A extends ReadonlyArray<string>>(
  name: string,
  values: A,
  fallback: A[number],
  about: About
) =>
  make(
    name,
    `one of ${values.join(", ")}`,
    fallback,
    Config.Literals(values, name).pipe(Config.withDefault(fallback as A[number])) as Config.Config<A[number]>,
    about
  )

/** Names of hosts and regions: safe in a path, a shell word and the name of a shard group. */
export const identifier = S.String.check(S.isPattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/))
export const identifierType =
  "letters, digits, dot, underscore and hyphen, at most 100, beginning with a letter or digit"

export const json = <A>(name: string, type: string, schema: Schema.Codec<A, unknown>, about: About) =>
  optional(name, type, Config.schema(S.fromJsonString(schema), name), about)

export interface Fault {
  readonly name: string
  readonly message: string
}

/** The fault of the setting's value in this environment; undefined when the value is valid or absent. */
export const faultOf = (
  { config, isSecret, name, type }: Setting<unknown>,
  env: Readonly<Record<string, string>>
): Effect.Effect<Fault | undefined> =>
  Effect.map(Effect.exit(config.parse(ConfigProvider.fromUnknown(env))), (exit) =>
    Exit.isSuccess(exit) || env[name] === undefined
      ? undefined
      : { name, message: `${name}${isSecret === true ? "" : `=${env[name].slice(0, 200)}`}: expected ${type}` }
  )
