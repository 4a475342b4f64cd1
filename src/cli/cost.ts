import { MAX_DATA_BYTES, MAX_OPERATIONS, PRICES } from "../core/limits.ts";
import { formatBytes, formatCount } from "./quantity.ts";

const BYTES_PER_GIGABYTE = 1_000_000_000;

/** What an execution writes, as AWS meters it. */
export interface Usage {
  /** Metered operations: each retry of a step counts as one. */
  meteredOperations: number;
  dataBytes: number;
}

/** US dollars for the durable part of an execution. */
export interface Cost {
  operationsUsd: number;
  dataWrittenUsd: number;
  totalUsd: number;
  /** What this costs for each month in which the data is kept; not part of the total. */
  keptPerMonthUsd: number;
  notIncluded: readonly string[];
}

export function estimateCost(usage: Usage): Cost {
  const operationsUsd = (usage.meteredOperations / 1_000_000) * PRICES.perMillionOperations;
  const gigabytes = usage.dataBytes / BYTES_PER_GIGABYTE;
  const dataWrittenUsd = gigabytes * PRICES.perGigabyteWritten;
  return {
    operationsUsd,
    dataWrittenUsd,
    totalUsd: operationsUsd + dataWrittenUsd,
    keptPerMonthUsd: gigabytes * PRICES.perGigabyteMonthKept,
    notIncluded: ["Lambda compute and requests", "keeping the data", "logs and other services"],
  };
}

/** Why AWS would refuse what ran here with its limits lifted; empty when it would not. */
export function refusalsOnAws(usage: { operations: number; dataBytes: number }): string[] {
  const refusals: string[] = [];
  if (usage.operations > MAX_OPERATIONS) {
    refusals.push(`${formatCount(usage.operations)} operations, and its limit is ${formatCount(MAX_OPERATIONS)}`);
  }
  if (usage.dataBytes > MAX_DATA_BYTES) {
    refusals.push(`${formatBytes(usage.dataBytes)} written, and its limit is ${formatBytes(MAX_DATA_BYTES)}`);
  }
  return refusals;
}
