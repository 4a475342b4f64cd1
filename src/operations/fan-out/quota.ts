import { MAX_BATCH_ITEMS } from "../../core/batch-size.ts";
import { DurableError } from "../../core/errors.ts";
import type { FanOutAnnouncement } from "../../core/fan-out-announcement.ts";
import { type OperationPath, operationId } from "../../core/ids.ts";
import { counted, formatCount } from "../../core/quantity.ts";
import type { Execution } from "../../execution/execution.ts";
import type { Demand } from "../../execution/quota-watch.ts";
import type { Scope } from "../../execution/scope.ts";
import { operationLabel } from "../checks.ts";
import { isRecorded } from "../operation.ts";
import type { Completion, CompletionConfig } from "./completion.ts";
import { publishFanOut } from "./fan-out-channel.ts";

export interface FanOutSize {
  readonly kind: "map" | "parallel";
  readonly name: string | undefined;
  readonly total: number | undefined;
  readonly nesting: "NESTED" | "FLAT";
  readonly batchItems: number | undefined;
  readonly completionConfig: CompletionConfig | undefined;
}

/** One operation for each item, or for each batch. A FLAT item has none, but is assumed to contain one. */
export function operationsOf(items: number, { batchItems }: Pick<FanOutSize, "batchItems">): number {
  return batchItems === undefined ? items : Math.ceil(items / batchItems);
}

/** The number of items that must begin before the map can succeed. 0 with a custom policy, and without a `total`. */
function itemsNeeded({ total = 0, completionConfig }: FanOutSize): number {
  if (completionConfig?.shouldComplete !== undefined) return 0;
  return Math.min(total, completionConfig?.minSuccessful ?? total);
}

/**
 * The estimated number of operations of a batch: its own operation, and one part. A part is written, for example, for
 * items that end while the batch's own operation is pending.
 */
const OPERATIONS_OF_BATCH = 2;

/**
 * The smallest batch size with which the items need about as many operations as are left. Undefined if no size is large
 * enough.
 */
function fittingBatch(items: number, operationsEach: number, operationsLeft: number): number | undefined {
  const batches = Math.floor((operationsLeft - 1) / operationsEach);
  const batch = batches < 1 ? Number.POSITIVE_INFINITY : Math.ceil(items / batches);
  return batch <= MAX_BATCH_ITEMS ? batch : undefined;
}

/**
 * If a new map or parallel needs more operations than are left and `quotas.onExceed` is `error`, returns the error that
 * must end the execution. If it only may need more, or with `warn`, warns and returns undefined. With `off`, only
 * returns undefined.
 */
export function checkQuota(execution: Execution, scope: Scope, size: FanOutSize): DurableError | undefined {
  const { onExceed, operations: quota } = execution.settings.quotas;
  const left = execution.quotas.operationsLeft;
  const count = itemsNeeded(size);
  const own = operationsOf(count, size);
  const isShared = size.batchItems !== undefined;
  // The number of operations in an item is unknown. `least` assumes none, and `likely` assumes one. In items of a
  // batch, the service counts only callbacks and chained invokes, so `likely` assumes none there.
  const least = 1 + (size.nesting === "FLAT" && !isShared ? 0 : own);
  const likely = isShared ? least : least + count;
  if (onExceed === "off" || likely <= left) return undefined;
  if (!scope.ledger.countsOperations || isRecorded(scope.ledger, scope.peekPath())) return undefined;
  const need =
    least > left
      ? `it needs at least ${counted(least, "operation")}`
      : `if each of them makes one operation it needs ${counted(likely, "operation")}`;
  const has = `${execution.usage.isExact ? "" : "at most "}${formatCount(left)} of ${formatCount(quota)}`;
  const message = describeExcess(size, need, has, left);
  if (onExceed === "error" && least > left) return new DurableError("ERR_QUOTA_OPERATIONS", message);
  execution.quotas.warnOnce(`${size.kind} ${size.name}`, message);
  return undefined;
}

function describeExcess(size: FanOutSize, need: string, has: string, left: number): string {
  const ways = describeWays(size, left, "would need");
  return (
    `${describe(size)} has ${items(size)}: ${need}, and this execution has ${has} left; ${ways}. Settings: ` +
    "quotas.operations and quotas.onExceed."
  );
}

/** Describes other ways to run the items, as a sentence without its full stop. */
function describeWays(size: FanOutSize, left: number, would: "would need" | "needs", operationsEach = 0): string {
  const needed = itemsNeeded(size);
  const batch =
    fittingBatch(needed, Math.max(OPERATIONS_OF_BATCH, operationsEach), left) ?? fittingBatch(needed, 1, left);
  if (batch === undefined) return "no batch is large enough: split the items over several executions";
  const all = `${formatCount(1 + Math.ceil(needed / batch))}, about twice as many if many items are tried again`;
  if (size.kind === "map") return `{ batch: ${batch} } ${would} ${all}`;
  return `branches of a parallel do not share operations, but a map with { batch: ${batch} } ${would} ${all}`;
}

function describe({ kind, name }: FanOutSize): string {
  const label = operationLabel(kind, name);
  return label.charAt(0).toUpperCase() + label.slice(1);
}

function items({ kind, total = 0, batchItems }: FanOutSize): string {
  const noun = counted(total, kind === "map" ? "item" : "branch");
  return batchItems === undefined ? noun : `${noun} in batches of ${formatCount(batchItems)}`;
}

/** Announces to tools and the quota watch that a map or parallel begins. The caller calls `leave` when the map ends. */
export function announceFanOut(
  execution: Execution,
  scope: Scope,
  size: FanOutSize,
  completion: Completion,
  running: () => number,
): { announcement: FanOutAnnouncement; leave: () => void } {
  const { kind, name, nesting, batchItems } = size;
  const announcement: FanOutAnnouncement = {
    ...{ executionArn: execution.arn, operationId: operationId(scope.path as OperationPath) },
    ...{ kind, name, nesting, batchItems },
    get total() {
      return completion.total;
    },
    get isTotalKnown() {
      return completion.isTotalKnown;
    },
    counts: () => ({ succeeded: completion.succeeded, failed: completion.failed, running: running() }),
    beginAtMost: (items) => completion.bound(items),
  };
  publishFanOut(announcement);
  return { announcement, leave: execution.quotas.enter(demandOf(execution, size, announcement)) };
}

function demandOf(execution: Execution, size: FanOutSize, announcement: FanOutAnnouncement): Demand {
  return {
    what: describe(size),
    progress() {
      const { succeeded, failed, running } = announcement.counts();
      return { total: announcement.total, begun: succeeded + failed + running, ended: succeeded + failed };
    },
    describeNeed(operationsPerItem) {
      const { total, begun } = this.progress();
      const whole = { ...size, total };
      const toCome = Math.max(0, itemsNeeded(whole) - begun);
      const least = operationsOf(toCome, size);
      if (least === 0) return undefined;
      const likely = Math.ceil(operationsPerItem * toCome);
      const need = likely > least ? `about ${formatCount(likely)}` : `at least ${formatCount(least)}`;
      const known = size.total === undefined ? `has read ${items(whole)} so far` : `has ${items(whole)}`;
      const text = `${known}, ${formatCount(begun)} of them begun, and needs ${need} operations more`;
      const left = execution.quotas.operationsLeft;
      if (Math.max(least, likely) <= left) return text;
      const quota = execution.settings.quotas.operations;
      const ways = describeWays(whole, quota, "needs", operationsPerItem * (size.batchItems ?? 0));
      return `${text}; ${formatCount(left)} are left. In a new execution: ${ways}`;
    },
  };
}
