/** Formats the trace of a run for people. */
import type { Violation } from "./checks/History.ts"
import type { TraceLine } from "./world/Trace.ts"

const linesShown = 400

const stamp = (millis: number) => `${(millis / 1_000).toFixed(3).padStart(9)} s`

/** Actors that the violations name; the lines about them are shown in full. */
const named = (violations: ReadonlyArray<Violation>) =>
  violations.flatMap(({ message }) => message.match(/\b[A-Z]\w+\/[\w./-]+/g) ?? [])

export const timeline = (lines: ReadonlyArray<TraceLine>, violations: ReadonlyArray<Violation>): string => {
  const actors = named(violations)
  const shown = lines.filter(({ notable, what }) => notable || actors.some((actor) => what.includes(actor)))
  const left = shown.length - linesShown
  return [
    ...(left > 0 ? [`(${left} earlier lines left out)`] : []),
    ...shown.slice(-linesShown).map(({ at, what, where }) => `${stamp(at)}  ${where.padEnd(18)} ${what}`)
  ].join("\n")
}
