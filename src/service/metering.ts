import type { OperationUpdate } from "../core/wire.ts";
import type { ExecutionCounters } from "../journal/journal.ts";
import { invalidParameter, type ServiceError } from "./service-error.ts";
import type { LocalQuotas } from "./settings.ts";

/** An estimate of the bytes of one update without its payload, error and name. */
const UPDATE_FRAME_BYTES = 200;

/**
 * Computes the counters after a checkpoint. `known` is the number of recorded operations, without the EXECUTION
 * operation. Without `quotas` there is no limit.
 * @throws ServiceError if the updates would exceed a quota
 */
export function charge(
  before: ExecutionCounters,
  updates: readonly OperationUpdate[],
  { isKnown, known, quotas }: { isKnown: (id: string) => boolean; known: number; quotas?: LocalQuotas },
): ExecutionCounters {
  const counters = { ...before };
  const started = new Set<string>();
  for (const update of updates) {
    const bytes = dataBytes(update);
    counters.updates++;
    counters.dataBytes += bytes;
    counters.requestBytes += bytes + UPDATE_FRAME_BYTES + (update.Name?.length ?? 0);
    if (update.Action === "RETRY") {
      counters.retries++;
      counters.operations++;
    }
    if (update.Type !== "EXECUTION" && !isKnown(update.Id as string)) started.add(update.Id as string);
  }
  counters.checkpoints++;
  counters.operations += started.size;
  if (quotas === undefined) return counters;
  const operations = known + started.size;
  if (started.size > 0 && operations > quotas.operations) {
    throw quotaExceeded("operations", operations, quotas.operations);
  }
  if (counters.dataBytes > quotas.dataBytes && counters.dataBytes > before.dataBytes) {
    throw quotaExceeded("bytes of data", counters.dataBytes, quotas.dataBytes);
  }
  return counters;
}

function quotaExceeded(what: string, value: number, limit: number): ServiceError {
  return invalidParameter(
    `The execution would have ${value} ${what}; the quota is ${limit}. Write less in one execution, or split the work ` +
      "over several; the embedded engine's quotas can be changed.",
  );
}

/** The bytes that AWS counts as data. */
export function dataBytes(update: Pick<OperationUpdate, "Payload" | "Error">): number {
  let bytes = update.Payload === undefined ? 0 : Buffer.byteLength(update.Payload);
  if (update.Error !== undefined) bytes += Buffer.byteLength(JSON.stringify(update.Error));
  return bytes;
}
