/** What was found in the evidence: counted by its kind, and the first few of it in words. */

export type What = "lost" | "doubled" | "reordered" | "staleWrites" | "staleReads"

export interface Findings {
  acknowledged: number
  completed: number
  lost: number
  doubled: number
  reordered: number
  staleWrites: number
  staleReads: number
  /** The first few of each, in words. */
  readonly examples: Array<string>
}

export interface Collector {
  readonly findings: Findings
  readonly note: (what: What, message: string, count?: number) => void
}

export const collector = (): Collector => {
  const findings: Findings = {
    acknowledged: 0,
    completed: 0,
    lost: 0,
    doubled: 0,
    reordered: 0,
    staleWrites: 0,
    staleReads: 0,
    examples: []
  }
  return {
    findings,
    note: (what, message, count = 1) => {
      findings[what] += count
      if (findings.examples.length < 20) findings.examples.push(`${what}: ${message}`)
    }
  }
}
