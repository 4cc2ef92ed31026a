/** When a failed task may be retried. */
import type { RetryPolicy } from "../../../schema/Task.ts"
import { hashOf } from "../../routing/RoutingHash.ts"

/**
 * Milliseconds until the next attempt, after `failed` failed ones: exponential backoff, at most `maxBackoffMillis`,
 * reduced by up to half by jitter. The jitter is a hash of the run key: the same for the same attempt, and spread over
 * tasks that failed together.
 */
export const backoffMillis = (retry: RetryPolicy, failed: number, runKey: string): number => {
  const full = Math.min(retry.maxBackoffMillis, retry.backoffMillis * 2 ** Math.max(0, failed - 1))
  return Math.round(full * (1 - 0.5 * (hashOf(runKey) / 0x1_0000_0000)))
}
