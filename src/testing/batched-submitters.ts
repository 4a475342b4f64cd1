import { inOrder, lastOutcomes, readLog } from "../codec/batch-outcomes.ts";
import { BATCH_SUBTYPE, partsFinder, recordedRange } from "../core/batch-operation.ts";
import { type OperationPath, operationId } from "../core/ids.ts";
import { findPaths } from "../core/operation-paths.ts";
import type { Operation } from "../core/wire.ts";

/** Whether the callback is in a `waitForCallback` of a batch, and records say that its submitter has ended. */
export function isSubmittedInBatch(callback: Operation, operations: readonly Operation[]): boolean {
  const map = findPaths(operations).get(callback.ParentId ?? "");
  const partsOf = partsFinder(operations);
  return operations.some((own) => {
    const range = recordedRange(own.Name);
    if (own.SubType !== BATCH_SUBTYPE || own.ParentId !== callback.ParentId || range === undefined) return false;
    const parts = partsOf(own).map(readLog);
    const logs = inOrder(
      readLog(own),
      parts.filter((log) => log !== undefined),
    );
    return lastOutcomes(logs).some((outcome, at) => {
      const item = `${map}-${range.first + at + 1}`;
      const around = outcome?.records?.find(
        ({ path, subType }) =>
          subType === "WaitForCallback" && operationId(`${item}-${path}-1` as OperationPath) === callback.Id,
      );
      const submitter = around && outcome?.records?.find(({ path }) => path === `${around.path}-2`);
      return submitter?.status === "SUCCEEDED" || submitter?.status === "FAILED";
    });
  });
}
