import pc from "picocolors";
import { counted, formatCount, formatDuration } from "../../core/quantity.ts";
import { type ErrorObject, isFanOut, type Operation } from "../../core/wire.ts";
import { endOf } from "../documents.ts";
import { errorText } from "../error-text.ts";
import { shorten } from "../quantity.ts";
import { type BatchView, countItems, wordFor } from "./batch-view.ts";
import type { ErrorTraces } from "./error-traces.ts";
import { describeItem } from "./operation-details.ts";
import { readResult, shortText, wholeText } from "./payload-view.ts";

export const DEFAULT_CHILDREN_SHOWN = 12;
const FAILED_ITEMS_SHOWN = 5;

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
const MAX_RESULT_LENGTH = 60;
const STACKS_SHOWN = 3;
const WAITING_ITEMS_SHOWN = 5;

/**
 * At most `maxChildren` children of an operation are shown. Children that have not succeeded, and batches with an item
 * that has not succeeded, are chosen before other children.
 */
export function renderOperationTree(tree: Tree): string[] {
  return new TreeRenderer(tree).lines;
}

export interface Tree {
  readonly operations: readonly Operation[];
  readonly batches: ReadonlyMap<string, BatchView>;
  readonly traces: ErrorTraces;
  /** Epoch milliseconds: now, or the last moment of an execution that does not run. Open operations last until then. */
  readonly untilMs: number;
  readonly maxChildren: number;
  /** Whether results and stacks are shown whole. */
  readonly full: boolean;
}

class TreeRenderer {
  readonly lines: string[] = [];
  readonly #childrenOf = new Map<string | undefined, Operation[]>();
  readonly #batches: ReadonlyMap<string, BatchView>;
  readonly #untilMs: number;
  readonly #maxChildren: number;
  readonly #traces: ErrorTraces;
  readonly #full: boolean;
  #stacksShown = 0;
  #hidesStacks = false;

  constructor({ operations, batches, traces, untilMs, maxChildren, full }: Tree) {
    this.#untilMs = untilMs;
    this.#maxChildren = maxChildren;
    this.#batches = batches;
    this.#traces = traces;
    this.#full = full;
    const folded = new Set([...this.#batches.values()].flatMap((batch) => batch.parts));
    const ids = new Set(operations.map((operation) => operation.Id));
    for (const operation of operations) {
      if (operation.Type === "EXECUTION" || folded.has(operation)) continue;
      // If the parent is not among the operations, the children are shown at the top. Otherwise they would be missing.
      const parent = ids.has(operation.ParentId) ? operation.ParentId : undefined;
      const siblings = this.#childrenOf.get(parent);
      if (siblings === undefined) this.#childrenOf.set(parent, [operation]);
      else siblings.push(operation);
    }
    this.#addChildren(undefined, "");
    if (this.#hidesStacks) this.lines.push(pc.dim("where errors were thrown: --full, or --operation <name|id>"));
  }

  #addChildren(parent: string | undefined, indent: string): void {
    const all = this.#childrenOf.get(parent) ?? [];
    const shown = this.#choose(all);
    for (const [index, operation] of shown.entries()) {
      const last = index === shown.length - 1 && shown.length === all.length;
      this.lines.push(`${pc.dim(`${indent}${last ? "└─" : "├─"}`)} ${this.#describe(operation)}`);
      const inner = `${indent}${last ? "   " : "│  "}`;
      const batch = this.#batchOf(operation);
      if (batch !== undefined) this.#addItems(batch, inner);
      if (operation.Status !== "SUCCEEDED") this.#addStack(this.#traces.of(operation.Id), `${inner}  `);
      else if (this.#full) this.#addResult(operation, `${inner}  `);
      this.#addChildren(operation.Id, inner);
    }
    if (shown.length < all.length) this.lines.push(pc.dim(`${indent}└─ … ${this.#describeHidden(all, shown)}`));
  }

  #batchOf(operation: Operation): BatchView | undefined {
    return this.#batches.get(operation.Id ?? "");
  }

  #choose(children: readonly Operation[]): readonly Operation[] {
    if (children.length <= this.#maxChildren) return children;
    const notable = children.filter((operation) => this.#isNotable(operation)).slice(0, this.#maxChildren);
    const chosen = new Set(notable);
    for (const operation of children) {
      if (chosen.size >= this.#maxChildren) break;
      chosen.add(operation);
    }
    return children.filter((operation) => chosen.has(operation));
  }

  #isNotable(operation: Operation): boolean {
    if (operation.Status !== "SUCCEEDED") return true;
    return this.#batchOf(operation)?.items.some(({ status }) => status !== "SUCCEEDED") ?? false;
  }

  #describeHidden(all: readonly Operation[], shown: readonly Operation[]): string {
    const chosen = new Set(shown);
    const hidden = all.filter((operation) => !chosen.has(operation));
    const batches = hidden.flatMap((operation) => this.#batchOf(operation) ?? []);
    if (batches.length === hidden.length) return `${counted(hidden.length, "more batch")}: ${describeItems(batches)}`;
    const counts = new Map<string, number>();
    for (const { Status = "" } of hidden) counts.set(Status, (counts.get(Status) ?? 0) + 1);
    const words = [...counts].map(
      ([status, count]) => `${formatCount(count)} ${status.toLowerCase().replace("_", " ")}`,
    );
    return `${formatCount(hidden.length)} more: ${words.join(", ")}`;
  }

  #describe(operation: Operation): string {
    const { Id, Name, Type, SubType, Status, StartTimestamp, EndTimestamp, StepDetails } = operation;
    const parts = [`${MARKS[Status ?? ""] ?? "?"} ${Name ?? pc.dim(Id ?? "?")}`, pc.dim(SubType ?? Type ?? "")];
    parts.push(...this.#describeContent(operation));
    if (StartTimestamp !== undefined) {
      const endMs = EndTimestamp?.getTime() ?? this.#untilMs;
      parts.push(formatDuration(Math.max(0, endMs - StartTimestamp.getTime())));
    }
    const attempts = (StepDetails?.Attempt ?? 0) + (Status === "STARTED" || Status === "READY" ? 1 : 0);
    if (attempts > 1) parts.push(pc.yellow(`attempt ${attempts}`));
    if (Status === "PENDING" && StepDetails?.NextAttemptTimestamp !== undefined) {
      const inMs = Math.max(0, StepDetails.NextAttemptTimestamp.getTime() - this.#untilMs);
      parts.push(pc.yellow(`attempt ${attempts + 1} in ${formatDuration(inMs)}`));
    }
    const { error } = endOf(operation);
    if (error !== undefined && Status !== "SUCCEEDED") parts.push(describeError(error));
    if (Status === "SUCCEEDED" && !this.#full) parts.push(...this.#describeResult(operation));
    return parts.join("  ");
  }

  #describeContent(operation: Operation): string[] {
    const batch = this.#batchOf(operation);
    if (batch === undefined) {
      const children = (this.#childrenOf.get(operation.Id) ?? []).flatMap((child) => this.#batchOf(child) ?? []);
      if (children.length === 0) return [];
      return [`${describeItems(children)} in ${counted(children.length, "batch")}`];
    }
    const words = [describeItems([batch])];
    if (batch.parts.length > 0) words.push(pc.dim(`in ${counted(1 + batch.parts.length, "operation")}`));
    if (batch.unreadable !== undefined) words.push(pc.red(`what is recorded cannot be read: ${batch.unreadable}`));
    return words;
  }

  #describeResult(operation: Operation): string[] {
    const { result } = endOf(operation);
    if (result === undefined || result === "" || this.#isOfItems(operation)) return [];
    const way = `the whole: --operation ${operation.Name ?? operation.Id}`;
    return [pc.dim(`→ ${shortText(readResult(operation, result), MAX_RESULT_LENGTH, way)}`)];
  }

  #addResult(operation: Operation, indent: string): void {
    const { result } = endOf(operation);
    if (result === undefined || result === "" || this.#isOfItems(operation)) return;
    for (const line of wholeText(readResult(operation, result)).split("\n")) this.lines.push(pc.dim(indent) + line);
  }

  #isOfItems(operation: Operation): boolean {
    return this.#batchOf(operation) !== undefined || isFanOut(operation.SubType);
  }

  /** Without `full`, the stack is hidden if at least `most` stacks are shown, because many failures have equal stacks. */
  #addStack(stack: string | undefined, indent: string, most = STACKS_SHOWN): void {
    if (stack === undefined) return;
    if (!this.#full && this.#stacksShown >= most) {
      this.#hidesStacks = true;
      return;
    }
    this.#stacksShown++;
    for (const line of stack.split("\n")) this.lines.push(pc.dim(indent + line));
  }

  #addItems(batch: BatchView, indent: string): void {
    for (const item of batch.items.filter(({ status }) => status === "PENDING").slice(0, WAITING_ITEMS_SHOWN)) {
      this.lines.push(`${pc.dim(`${indent}├─`)} ${MARKS["PENDING"]} item ${item.index}${describeItem(item)}`);
    }
    const failed = batch.items.filter(({ status }) => status === "FAILED");
    const shown = Number.isFinite(this.#maxChildren) ? failed.slice(0, FAILED_ITEMS_SHOWN) : failed;
    for (const [at, { index, error }] of shown.entries()) {
      const last = at === failed.length - 1;
      this.lines.push(
        `${pc.dim(`${indent}${last ? "└─" : "├─"}`)} ${MARKS["FAILED"]} item ${index}  ${describeError(error ?? {})}`,
      );
      this.#addStack(this.#traces.ofItem(batch.operation.ParentId, index), `${indent}${last ? "   " : "│  "}`, 0);
    }
    if (shown.length < failed.length) {
      this.lines.push(pc.dim(`${indent}└─ … ${formatCount(failed.length - shown.length)} more failed`));
    }
  }
}

function describeItems(batches: readonly BatchView[]): string {
  const ended = batches.every(({ operation }) => operation.Status === "SUCCEEDED") ? "SUCCEEDED" : undefined;
  const words = [...countItems(batches)].map(([status, count]) => {
    const text = `${formatCount(count)} ${wordFor(status, ended)}`;
    return status === "FAILED" ? pc.red(text) : text;
  });
  return words.join(", ");
}

function describeError(error: ErrorObject): string {
  return pc.red(shorten(errorText(error), MAX_MESSAGE_LENGTH));
}
