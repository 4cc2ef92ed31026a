/** Hashes that decide where work goes. Changing them sends work with affinity to other instances than before. */

/** FNV-1a over UTF-16 code units, 32 bits, unsigned. */
export const hashOf = (text: string): number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return hash >>> 0
}

/**
 * Combines two hashes into one, mixed well enough that the lowest of many is evenly distributed (rendezvous hashing).
 */
export const mix = (left: number, right: number): number => {
  let hash = left ^ Math.imul(right, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
