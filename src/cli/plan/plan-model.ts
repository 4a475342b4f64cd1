import { packBatch, writeBatch, writtenAgain } from "../../codec/batch-outcomes.ts";
import { createCodec } from "../../codec/codec.ts";
import { environment } from "../../core/environment.ts";
import { MAX_PAYLOAD_BYTES, MAX_REQUEST_BYTES, MAX_REQUEST_UPDATES } from "../../core/limits.ts";
import { durableCost } from "../../core/prices.ts";
import { resolveSettings } from "../../core/settings.ts";
import { quotaOperations, refusals } from "../cost.ts";
import { add, type FanOutNode, fanOutsIn, type ItemNode, nothing, type PlanNode, type Use } from "./plan-tree.ts";
import type { Trial } from "./trial.ts";

/** How maps run: as the code says (`as is`), without contexts of items (`flat`), or in batches of `items` items. */
export type Variant = { readonly way: "as is" | "flat" } | { readonly way: "batch"; readonly items: number };

export interface Figures {
  /** The number of operations that the quota counts. */
  readonly operations: number;
  /** RETRYs of steps, conditions and batches, and failed invocations. AWS charges each of them like an operation. */
  readonly retries: number;
  readonly requests: number;
  readonly dataBytes: number;
  /** Milliseconds, without waits and retry delays. Undefined: nothing has run in this setting. */
  readonly wallMs?: number;
  readonly dollars: number;
}

export interface Prediction extends Figures {
  readonly name: string;
  /** The names of the measured figures. All other figures are computed; dollars are always computed. */
  readonly measured: readonly (keyof Figures)[];
  /** Texts about the exceeded quotas of operations and data. Empty if none is exceeded. */
  readonly refusedByAws: readonly string[];
  readonly how: string;
}

const MEASURED: Prediction["measured"] = ["operations", "retries", "requests", "dataBytes", "wallMs"];

const codec = createCodec(environment().DURABLE_FANOUT_CODEC === "json" ? "json" : "compact");
/** Estimated bytes of the summary that replaces a result over the limit, without its one character for each item. */
const SUMMARY_BYTES = 150;
/** Estimated bytes of an update in a request, without the data of the update. Metering uses the same estimate. */
const UPDATE_FRAME_BYTES = 200;
const UPDATES_OF_AN_OPERATION = 2;
/** The greatest assumed number of RETRYs of a batch. About five were measured with the default retry strategy. */
const MAX_BATCH_RETRIES = 5;
/** The bytes of the record of a wait in the payload of a sleeping batch (measured). */
const WAIT_RECORD_BYTES = 60;
/** The greatest assumed number of bytes that the RETRYs of a batch repeat. A batch then moves records to parts. */
const MAX_RETRIED_BYTES = 16 * 1024;

/** The dollars are computed from the measured figures. */
export function measuredFigures({ counters, pace }: Trial): Required<Figures> {
  const operations = quotaOperations(counters);
  const retries = counters.retries + counters.invocationFailures;
  const { dataBytes } = counters;
  const { requests, wallMs } = pace;
  return { operations, retries, requests, dataBytes, wallMs, dollars: dollarsOf(operations, retries, dataBytes) };
}

function dollarsOf(operations: number, retries: number, dataBytes: number): number {
  return durableCost(1 + operations + retries, dataBytes).totalUsd;
}

/**
 * Returns a function that computes the figures of the whole input from the items that the trial has run. The function
 * returns undefined for a variant, except `as is`, that leaves the number of operations or all batch sizes as they are.
 * @param isWhole whether the trial has run the whole input; the figures of `as is` are then those of the trial
 */
export function predictor(
  nodes: readonly PlanNode[],
  trial: Trial,
  isWhole: boolean,
): (variant: Variant) => Prediction | undefined {
  const asIs = useOfAll(nodes, trial, { way: "as is" });
  return (variant) => {
    const isAsIs = variant.way === "as is";
    const use = useOfAll(nodes, trial, variant);
    if (!isAsIs && (use.operations === asIs.operations || isAsItIs(nodes, variant))) return undefined;
    const isMeasured = isAsIs && isWhole;
    const figures = isMeasured ? measuredFigures(trial) : computedFigures(variant, use, asIs, trial);
    return {
      name: variant.way === "batch" ? `batch: ${variant.items}` : variant.way,
      ...figures,
      measured: isMeasured ? MEASURED : [],
      refusedByAws: refusals(figures.operations, figures.dataBytes),
      how: howTo(variant),
    };
  };
}

function computedFigures({ way }: Variant, use: Use, asIs: Use, { pace }: Trial): Figures {
  const operations = Math.round(use.operations);
  const retries = Math.round(use.retries);
  const dataBytes = Math.round(use.dataBytes);
  const base = { operations, retries, dataBytes, dollars: dollarsOf(operations, retries, dataBytes) };
  const times = pace.updates === 0 ? 1 : asIs.updates / pace.updates;
  const requests = Math.max(1, Math.round(pace.requests * times));
  // Assumed: the time before the first request does not depend on the input. The other time grows with the updates.
  if (way === "as is") return { ...base, requests, wallMs: pace.startMs + (pace.wallMs - pace.startMs) * times };
  const bytes = use.dataBytes + use.updates * UPDATE_FRAME_BYTES;
  const least = Math.max(1, Math.ceil(use.updates / MAX_REQUEST_UPDATES), Math.ceil(bytes / MAX_REQUEST_BYTES));
  // A request is sent as soon as the request before it is answered. So fewer updates first make requests smaller, and
  // only then make fewer requests.
  const likely =
    way === "flat"
      ? (requests * use.updates) / Math.max(1, asIs.updates)
      : Math.min(use.updates / UPDATES_OF_AN_OPERATION, requests);
  return { ...base, requests: Math.max(least, Math.ceil(likely)) };
}

function useOfAll(nodes: readonly PlanNode[], { input, outcome, counters }: Trial, variant: Variant): Use {
  const use = nothing();
  for (const node of nodes) add(use, useOfNode(node, variant));
  use.dataBytes += Buffer.byteLength(input) + Buffer.byteLength(outcome?.result ?? "");
  use.retries += counters.invocationFailures;
  return use;
}

function howTo(variant: Variant): string {
  if (variant.way === "batch") {
    const { items } = variant;
    return `Give the map { batch: ${items} }, or set DURABLE_FANOUT_BATCH=${items} for those that say nothing.`;
  }
  return variant.way === "flat" ? 'Give the map { nesting: "FLAT" }.' : "The handler can stay as it is.";
}

function useOfNode(node: PlanNode, variant: Variant): Use {
  if (node.fanOut !== undefined) return useOfFanOut(node.own, node.fanOut, variant);
  const use = add(nothing(), node.own);
  for (const child of node.children) add(use, useOfNode(child, variant));
  return use;
}

function isAsItIs(nodes: readonly PlanNode[], variant: Variant): boolean {
  if (variant.way !== "batch") return false;
  const maps = [...fanOutsIn(nodes)].filter(canShare);
  return maps.length > 0 && maps.every(({ batchItems }) => batchItems === variant.items);
}

/** Whether the plan can compute the map with batches. False for a parallel, and if `items` is empty. */
export function canShare({ kind, items }: FanOutNode): boolean {
  return (
    kind === "map" && items.length > 0 && items.every(({ children }) => children.every((node) => node.fitsInBatch))
  );
}

function useOfFanOut(own: Use, fanOut: FanOutNode, variant: Variant): Use {
  const { total, items, isWhole } = fanOut;
  // How many items of the map one item of the sample represents.
  const factor = isWhole || items.length === 0 ? 1 : total / items.length;
  if (variant.way === "batch" && canShare(fanOut)) return useOfBatches(own, fanOut, variant.items);
  if (fanOut.form === "batched") {
    const use = add(ownUse(own, fanOut, 0), fanOut.batches, factor);
    // A batch that is not full also needs one operation. Subtracting 1e-6 removes the rounding errors of `factor`.
    use.operations = Math.ceil(use.operations - 1e-6);
    const batches = Math.ceil(total / (fanOut.batchItems ?? 1));
    const least = 1 + batches + securingParts(batches, fanOut.batches.retries / Math.max(1, fanOut.batchCount), total);
    if (!isWhole) use.operations = Math.max(use.operations, Math.ceil(least));
    return use;
  }
  const isFlat = variant.way === "flat" || fanOut.form === "flat";
  const use = ownUse(own, fanOut, total);
  for (const item of items) {
    if (!isFlat) add(use, item.own, factor);
    for (const child of item.children) add(use, useOfNode(child, variant), factor);
  }
  return use;
}

/** The use of the map's own operation. If the trial has not run the whole map, updates and data are estimated. */
function ownUse(own: Use, fanOut: FanOutNode, statusBytes: number): Use {
  if (fanOut.isWhole) return { ...own };
  return { ...own, updates: UPDATES_OF_AN_OPERATION, dataBytes: resultBytes(fanOut, statusBytes) };
}

/** `statusBytes` are the bytes that the summary has for the items. A summary replaces a result over the limit. */
function resultBytes({ items, total }: FanOutNode, statusBytes: number): number {
  if (items.length === 0) return 0;
  const all = items.map(({ outcome }, index) =>
    outcome.mark === "F"
      ? { error: { ErrorType: "ChildContextError", Cause: outcome.error }, index, status: "FAILED" }
      : { result: outcome.result, index, status: "SUCCEEDED" },
  );
  const encoded = codec.pack(JSON.stringify({ all, completionReason: "ALL_COMPLETED" }));
  const bytes = (Buffer.byteLength(encoded) / items.length) * total;
  return bytes <= MAX_PAYLOAD_BYTES ? bytes : SUMMARY_BYTES + statusBytes;
}

function useOfBatches(own: Use, fanOut: FanOutNode, batchItems: number): Use {
  const { items, isWhole } = fanOut;
  const total = isWhole ? items.length : fanOut.total;
  const batches = Math.ceil(total / batchItems);
  const itemBytes = bytesInBatches(items, batchItems);
  const fullItems = Math.min(batchItems, total);
  const fullBytes = fullItems * itemBytes;
  // If the outcomes exceed the limit of one operation, they go to parts.
  const operationsEach = fullBytes <= MAX_PAYLOAD_BYTES ? 1 : 1 + Math.ceil(fullBytes / MAX_PAYLOAD_BYTES);
  const retriesEach = meanOf(items, ({ own }) => own.retries);
  const waitsEach = meanOf(items, ({ isWait }) => Number(isWait));
  // The waits of the items in a batch end at the same time in most cases, so that they wake the batch once. How often a
  // batch wakes depends little on its size. So the batches of the sample, if it has any, are a good guess.
  const seenEach =
    fanOut.batchCount > 0 ? fanOut.batches.retries / fanOut.batchCount : retriesEach * fullItems + waitsEach;
  const retriesOfBatch = Math.min(MAX_BATCH_RETRIES, seenEach);
  const retries = batches * retriesOfBatch;
  const operations = 1 + batches * operationsEach + Math.round(securingParts(batches, retriesOfBatch, total));
  const retriedBytes = batches * Math.min(retriesOfBatch * fullBytes, MAX_RETRIED_BYTES);
  const waitBytes = total * waitsEach * WAIT_RECORD_BYTES;
  return {
    operations,
    updates: UPDATES_OF_AN_OPERATION * (operations + retries),
    retries,
    dataBytes: ownUse(own, fanOut, 0).dataBytes + total * itemBytes + retriedBytes + waitBytes,
  };
}

/**
 * Estimates the number of parts that record ended items while other items of their batches wait for a retry. Each batch
 * with a retry writes one part. The first `checkpoint.maxUnacknowledged` items of a map need no part (measured).
 */
function securingParts(batches: number, retriesOfBatch: number, total: number): number {
  const { maxUnacknowledged } = resolveSettings().checkpoint;
  return batches * Math.min(1, retriesOfBatch) * Math.max(0, 1 - maxUnacknowledged / Math.max(1, total));
}

/** The mean of the sums of `of` over all operations in an item. */
function meanOf(items: readonly ItemNode[], of: (node: PlanNode) => number): number {
  const sumIn = (nodes: readonly PlanNode[]): number =>
    nodes.reduce((sum, node) => sum + of(node) + sumIn(node.children), 0);
  return items.reduce((sum, { children }) => sum + sumIn(children), 0) / items.length;
}

/** The average bytes of an item in the full batches of this size. Fewer `items` than that count as one batch. */
function bytesInBatches(items: readonly ItemNode[], batchItems: number): number {
  const size = Math.min(batchItems, items.length);
  let bytes = 0;
  let count = 0;
  for (let first = 0; first + size <= items.length; first += size) {
    const outcomes = items.slice(first, first + size).map(({ outcome }) => writtenAgain(outcome, JSON.stringify));
    bytes += Buffer.byteLength(packBatch(codec, writeBatch(outcomes, {})));
    count += size;
  }
  return bytes / count;
}
