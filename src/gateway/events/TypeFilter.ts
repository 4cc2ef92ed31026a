/**
 * Filters events by type: exact types, or prefixes such as `task.*`. Without patterns all events pass, and notices of
 * the feed always pass.
 */
export const typeFilter = (patterns: ReadonlyArray<string> | undefined): ((type: string) => boolean) => {
  if (patterns === undefined || patterns.length === 0 || patterns.includes("*")) return () => true
  const exact = new Set(patterns.filter((pattern) => !pattern.endsWith("*")))
  const beginnings = patterns.filter((pattern) => pattern.endsWith("*")).map((pattern) => pattern.slice(0, -1))
  return (type) =>
    type.startsWith("feed.") || exact.has(type) || beginnings.some((beginning) => type.startsWith(beginning))
}
