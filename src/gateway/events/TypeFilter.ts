/**
 * Which events a follower wants: exact types, or all that begin so (`task.*`). None named: all. What the feed says of
 * itself everybody gets.
 */
export const typeFilter = (patterns: ReadonlyArray<string> | undefined): ((type: string) => boolean) => {
  if (patterns === undefined || patterns.length === 0 || patterns.includes("*")) return () => true
  const exact = new Set(patterns.filter((pattern) => !pattern.endsWith("*")))
  const beginnings = patterns.filter((pattern) => pattern.endsWith("*")).map((pattern) => pattern.slice(0, -1))
  return (type) =>
    type.startsWith("feed.") || exact.has(type) || beginnings.some((beginning) => type.startsWith(beginning))
}
