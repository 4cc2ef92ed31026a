/**
 * The first 32 bits of a trace id as a share of one. Ids are random, so is the decision; every process decides alike.
 */
export const isSampled = (traceId: string, ratio: number): boolean =>
  Number.parseInt(traceId.slice(0, 8), 16) / 2 ** 32 < ratio
