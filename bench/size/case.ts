/** What a case of the size run is, and what it finds. */
import type { Effect, Redacted, Scope } from "effect"

export interface Figure {
  readonly id: string
  readonly value: number
  readonly unit: "MiB" | "KiB" | "tasks/s" | "calls/s" | "rows/s" | "rows" | "ms" | "s" | "sweeps" | "×"
  /** The stock cluster's, where it has such a thing. */
  readonly baseline?: number
  /** The bar, when there is one. */
  readonly least?: number
  readonly most?: number
  readonly note?: string
}

/** How one figure moves with the size of something. */
export interface Curve {
  readonly id: string
  readonly unit: Figure["unit"]
  /** What `size` counts. */
  readonly of: string
  readonly points: ReadonlyArray<{ readonly size: number; readonly value: number; readonly p99Millis?: number }>
}

export interface Found {
  readonly figures: ReadonlyArray<Figure>
  readonly curves: ReadonlyArray<Curve>
}

export interface SizeBench {
  /** Factor on every size: 1 for figures to quote. */
  readonly scale: number
  /** An empty database on the run's server. */
  readonly database: (name: string) => Effect.Effect<Redacted.Redacted>
  readonly say: (text: string) => Effect.Effect<void>
}

export interface SizeCase {
  readonly id: string
  readonly run: (bench: SizeBench) => Effect.Effect<Found, never, Scope.Scope>
}

export const mebi = (bytes: number): number => bytes / 1_048_576
export const kibi = (bytes: number): number => bytes / 1_024
