/**
 * CPU time of processes, from /proc: of Node processes by id, of PostgreSQL with all of its backends, the ended ones
 * included.
 */
import { readdirSync, readFileSync } from "node:fs"

const millisATick = 10

interface Stat {
  readonly parent: number
  /** Milliseconds of CPU; `children`: of those that have ended and were waited for. */
  readonly own: number
  readonly children: number
}

const statOf = (pid: number): Stat | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = text
      .slice(text.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number)
    return {
      parent: fields[1]!,
      own: (fields[11]! + fields[12]!) * millisATick,
      children: (fields[13]! + fields[14]!) * millisATick
    }
  } catch {
    return undefined
  }
}

export const parentOf = (pid: number): number => statOf(pid)?.parent ?? 0

export const cpuOf = (pid: number): number => statOf(pid)?.own ?? 0

const processes = (): ReadonlyArray<readonly [pid: number, stat: Stat]> =>
  readdirSync("/proc").flatMap((name) => {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined
    return stat === undefined ? [] : [[Number(name), stat] as const]
  })

/** A process, its descendants, and those of them that have ended. */
export const cpuOfTree = (root: number): number => {
  const all = processes()
  const sumOf = (pid: number): number => {
    const stat = all.find(([known]) => known === pid)?.[1]
    const children = all.filter(([, { parent }]) => parent === pid)
    return (stat?.own ?? 0) + (stat?.children ?? 0) + children.reduce((sum, [child]) => sum + sumOf(child), 0)
  }
  return sumOf(root)
}

/** The postmaster and its children, who have none. */
export const cpuOfPostgres = cpuOfTree
