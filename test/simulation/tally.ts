import type { OperationUpdate } from "../../src/index.ts";

/** What was in one simulated execution, or in many. */
export class Tally {
  executions = 0;
  invocations = 0;
  requests = 0;
  updates = 0;
  bytes = 0;
  pages = 0;
  events = 0;
  suspensions = 0;
  retries = 0;
  /** Steps of batches that were left PENDING by an invocation that suspended. */
  sleepingBatches = 0;
  batchRetries = 0;
  batchRecords = 0;
  virtualMs = 0;
  readonly faults = new Map<string, number>();

  fault(kind: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
  }

  request(updates: readonly OperationUpdate[]): void {
    this.requests++;
    this.updates += updates.length;
    for (const { Type, Action, SubType, Payload } of updates) {
      this.bytes += Payload?.length ?? 0;
      if (Type !== "STEP" || SubType === "Step" || SubType === "WaitForCondition") continue;
      if (Action === "RETRY") this.batchRetries++;
      else if (Action !== "START") this.batchRecords++;
    }
  }

  add(other: Tally): void {
    for (const [name, value] of Object.entries(other)) {
      if (typeof value === "number") this[name as "requests"] += value;
    }
    for (const [kind, count] of other.faults) this.faults.set(kind, (this.faults.get(kind) ?? 0) + count);
  }
}
