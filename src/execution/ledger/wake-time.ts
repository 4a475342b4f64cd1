import type { Kept } from "./kept.ts";

/** How much later than it is due a record may be woken: this share of its own delay, and at most so many milliseconds. */
const SLACK_SHARE = 0.25;
const MAX_SLACK_MS = 5_000;

/** When a sleeping batch is to wake for what is due first, and takes along what may wait for it; epoch milliseconds. */
export function wakeTime(waiting: readonly Kept[], nowMs: number): number {
  const byTime = waiting.toSorted((a, b) => (a.dueMs ?? 0) - (b.dueMs ?? 0));
  let wakeMs = nowMs;
  let latestMs = Number.POSITIVE_INFINITY;
  for (const { dueMs = nowMs, delayMs } of byTime) {
    if (dueMs > latestMs) break;
    wakeMs = Math.max(wakeMs, dueMs);
    latestMs = Math.min(latestMs, dueMs + Math.min(MAX_SLACK_MS, delayMs * SLACK_SHARE));
  }
  return wakeMs;
}
