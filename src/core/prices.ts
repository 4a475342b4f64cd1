// AWS Lambda pricing page for durable functions, us-east-1, 2026.
const USD_PER_MILLION_OPERATIONS = 8;
const USD_PER_GIGABYTE_WRITTEN = 0.25;
const USD_PER_GIGABYTE_MONTH_KEPT = 0.15;

const BYTES_PER_GIGABYTE = 1_000_000_000;

/** The price in US dollars of the durable part of an execution, without Lambda's compute time and requests. */
export interface DurableCost {
  readonly operationsUsd: number;
  readonly dataWrittenUsd: number;
  readonly totalUsd: number;
  /** The price of the data for each month in which AWS keeps the data. The total does not include this price. */
  readonly keptPerMonthUsd: number;
}

/** `meteredOperations` counts the execution itself, its operations, each retry, and each invocation that failed. */
export function durableCost(meteredOperations: number, dataBytes: number): DurableCost {
  const gigabytes = dataBytes / BYTES_PER_GIGABYTE;
  const operationsUsd = (meteredOperations / 1_000_000) * USD_PER_MILLION_OPERATIONS;
  const dataWrittenUsd = gigabytes * USD_PER_GIGABYTE_WRITTEN;
  const keptPerMonthUsd = gigabytes * USD_PER_GIGABYTE_MONTH_KEPT;
  return { operationsUsd, dataWrittenUsd, totalUsd: operationsUsd + dataWrittenUsd, keptPerMonthUsd };
}
