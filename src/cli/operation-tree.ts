import pc from "picocolors";
import type { Operation } from "../core/wire.ts";
import { formatCount, formatDuration, shorten } from "./quantity.ts";

/** How many of an operation's children are shown unless asked otherwise. */
export const DEFAULT_CHILDREN_SHOWN = 12;

const MARKS: Readonly<Record<string, string>> = {
  SUCCEEDED: pc.green("✔"),
  FAILED: pc.red("✖"),
  TIMED_OUT: pc.red("✖"),
  STOPPED: pc.red("✖"),
  CANCELLED: pc.dim("○"),
  STARTED: pc.yellow("▶"),
  PENDING: pc.yellow("…"),
  READY: pc.yellow("…"),
};
const MAX_MESSAGE_LENGTH = 100;

/**
 * An execution's operations as a tree, a line each: mark, name, kind, duration, attempts, error. Of long lists only
 * `maxChildren` are shown, those that failed or go on before the others, in the order in which they began.
 */
export function renderOperationTree(operations: readonly Operation[], nowMs: number, maxChildren: number): string[] {
  const childrenOf = new Map<string | undefined, Operation[]>();
  const ids = new Set(operations.map((operation) => operation.Id));
  for (const operation of operations) {
    if (operation.Type === "EXECUTION") continue;
    // A parent that is not listed leaves its children at the top rather than out of sight.
    const parent = ids.has(operation.ParentId) ? operation.ParentId : undefined;
    const siblings = childrenOf.get(parent);
    if (siblings === undefined) childrenOf.set(parent, [operation]);
    else siblings.push(operation);
  }
  const lines: string[] = [];
  const addChildren = (parent: string | undefined, indent: string): void => {
    const all = childrenOf.get(parent) ?? [];
    const shown = choose(all, maxChildren);
    for (const [index, operation] of shown.entries()) {
      const last = index === shown.length - 1 && shown.length === all.length;
      lines.push(`${pc.dim(`${indent}${last ? "└─" : "├─"}`)} ${renderOperation(operation, nowMs)}`);
      addChildren(operation.Id, `${indent}${last ? "   " : "│  "}`);
    }
    if (shown.length < all.length) lines.push(pc.dim(`${indent}└─ … ${describeHidden(all, shown)}`));
  };
  addChildren(undefined, "");
  return lines;
}

function choose(children: readonly Operation[], maxChildren: number): readonly Operation[] {
  if (children.length <= maxChildren) return children;
  const notable = children.filter((operation) => operation.Status !== "SUCCEEDED").slice(0, maxChildren);
  const chosen = new Set(notable);
  for (const operation of children) {
    if (chosen.size >= maxChildren) break;
    chosen.add(operation);
  }
  return children.filter((operation) => chosen.has(operation));
}

/** `19,950 more: 19,948 succeeded, 2 started` */
function describeHidden(all: readonly Operation[], shown: readonly Operation[]): string {
  const counts = new Map<string, number>();
  for (const { Status = "" } of all) counts.set(Status, (counts.get(Status) ?? 0) + 1);
  for (const { Status = "" } of shown) counts.set(Status, (counts.get(Status) ?? 0) - 1);
  const parts = [...counts].filter(([, count]) => count > 0);
  const words = parts.map(([status, count]) => `${formatCount(count)} ${status.toLowerCase().replace("_", " ")}`);
  return `${formatCount(all.length - shown.length)} more: ${words.join(", ")}`;
}

function renderOperation(operation: Operation, nowMs: number): string {
  const { Id, Name, Type, SubType, Status, StartTimestamp, EndTimestamp, StepDetails } = operation;
  const parts = [`${MARKS[Status ?? ""] ?? "?"} ${Name ?? pc.dim(Id ?? "?")}`, pc.dim(SubType ?? Type ?? "")];
  if (StartTimestamp !== undefined) {
    const endMs = EndTimestamp?.getTime() ?? nowMs;
    parts.push(formatDuration(Math.max(0, endMs - StartTimestamp.getTime())));
  }
  const attempts = (StepDetails?.Attempt ?? 0) + (Status === "STARTED" || Status === "READY" ? 1 : 0);
  if (attempts > 1) parts.push(pc.yellow(`attempt ${attempts}`));
  if (Status === "PENDING" && StepDetails?.NextAttemptTimestamp !== undefined) {
    const inMs = Math.max(0, StepDetails.NextAttemptTimestamp.getTime() - nowMs);
    parts.push(pc.yellow(`attempt ${attempts + 1} in ${formatDuration(inMs)}`));
  }
  const error = errorOf(operation);
  if (error !== undefined && Status !== "SUCCEEDED") {
    const text = `${error.ErrorType ?? "Error"}: ${error.ErrorMessage ?? ""}`;
    parts.push(pc.red(shorten(text, MAX_MESSAGE_LENGTH)));
  }
  return parts.join("  ");
}

function errorOf(
  operation: Operation,
): { ErrorType?: string | undefined; ErrorMessage?: string | undefined } | undefined {
  return (
    operation.StepDetails?.Error ??
    operation.ContextDetails?.Error ??
    operation.CallbackDetails?.Error ??
    operation.ChainedInvokeDetails?.Error
  );
}
