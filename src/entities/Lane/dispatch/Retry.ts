/** When a failed task may be tried again. */
import type { RetryPolicy } from "../../../schema/Task.ts"
import { hashOf } from "../../routing/Hash.ts"

/**
 * Milliseconds until the next attempt, after `attempt` failed ones: doubles each time, at most `maxBackoffMillis`, less
 * up to half by jitter. The jitter is a hash of the run key: the same for the same attempt, spread over tasks that
 * failed together.
 */
export const backoffMillis = (retry: RetryPolicy, attempt: number, runKey: string): number => {
  const full = Math.min(retry.maxBackoffMillis, retry.backoffMillis * 2 ** Math.max(0, attempt - 1))
  return Math.round(full * (1 - 0.5 * (hashOf(runKey) / 0x1_0000_0000)))
}
