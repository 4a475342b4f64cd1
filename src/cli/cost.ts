import { MAX_DATA_BYTES, MAX_OPERATIONS } from "../core/limits.ts";
import { type DurableCost, durableCost } from "../core/prices.ts";
import { formatBytes, formatCount } from "../core/quantity.ts";
import type { ExecutionCounters } from "../journal/journal.ts";

/** `notIncluded` names costs that `totalUsd` leaves out. */
export interface Cost extends DurableCost {
  readonly notIncluded: readonly string[];
}

/** The number of operations that AWS charges. `counters.operations` includes the execution itself and each RETRY. */
export function meteredOperations(counters: ExecutionCounters): number {
  return counters.operations + counters.invocationFailures;
}

/** The number of operations that the quota counts. The execution itself and retries do not count. */
export function quotaOperations(counters: Pick<ExecutionCounters, "operations" | "retries">): number {
  return Math.max(0, counters.operations - counters.retries - 1);
}

export function estimateCost(counters: ExecutionCounters): Cost {
  return {
    ...durableCost(meteredOperations(counters), counters.dataBytes),
    notIncluded: ["Lambda compute and requests", "keeping the data", "logs and other services"],
  };
}

export function refusals(operations: number, dataBytes: number): string[] {
  const found: string[] = [];
  if (operations > MAX_OPERATIONS) {
    found.push(`${formatCount(operations)} operations, and its limit is ${formatCount(MAX_OPERATIONS)}`);
  }
  if (dataBytes > MAX_DATA_BYTES) {
    found.push(`${formatBytes(dataBytes)} written, and its limit is ${formatBytes(MAX_DATA_BYTES)}`);
  }
  return found;
}
