/**
 * Interprets the first 32 bits of the trace id as a number from 0 to 1. Ids are random, so the sample is too, and every
 * process makes the same decision for a trace.
 */
export const isSampled = (traceId: string, ratio: number): boolean =>
  Number.parseInt(traceId.slice(0, 8), 16) / 2 ** 32 < ratio
