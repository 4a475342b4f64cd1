import { packBatch, writeBatch, writtenAgain } from "../../codec/batch-outcomes.ts";
import { createCodec } from "../../codec/codec.ts";
import { environment } from "../../core/environment.ts";
import { MAX_PAYLOAD_BYTES, MAX_REQUEST_BYTES, MAX_REQUEST_UPDATES } from "../../core/limits.ts";
import { durableCost } from "../../core/prices.ts";
import { quotaOperations, refusals } from "../cost.ts";
import { add, type FanOutNode, type ItemNode, nothing, type PlanNode, type Use } from "./plan-tree.ts";
import type { Trial } from "./trial.ts";

/** A way to run the maps of a handler. */
export type Variant = { readonly way: "as is" | "flat" } | { readonly way: "batch"; readonly items: number };

/** What an execution takes. */
export interface Figures {
  /** As the quota counts them. */
  readonly operations: number;
  /** Attempts after the first one, each of which is metered like an operation. */
  readonly retries: number;
  readonly requests: number;
  readonly dataBytes: number;
  /** Milliseconds, without waits and retry delays. Undefined for a setting that has not been run: only a run tells. */
  readonly wallMs?: number;
  readonly dollars: number;
}

/** What the whole input takes in one setting. */
export interface Prediction extends Figures {
  readonly name: string;
  /** Those of the figures that are measured. The others are computed from the sample, and dollars always are. */
  readonly measured: readonly (keyof Figures)[];
  /** Why AWS would refuse it; empty when it would not. */
  readonly refusedByAws: readonly string[];
  /** How the setting is made, as a sentence. */
  readonly how: string;
}

const MEASURED: Prediction["measured"] = ["operations", "retries", "requests", "dataBytes", "wallMs"];

const codec = createCodec(environment().DURABLE_FANOUT_CODEC === "json" ? "json" : "compact");
/** Bytes of a summary that is kept instead of a result over the limit, besides a character an item. */
const SUMMARY_BYTES = 150;
/** A request's frame around an update, about. */
const UPDATE_FRAME_BYTES = 200;
const UPDATES_OF_AN_OPERATION = 2;
/**
 * A batch waits once for all items that fall due at about the same time, and records what it has. The delays of the
 * default strategy, of which a random part is left out, fall due at about five times (measured).
 */
const MAX_BATCH_RETRIES = 5;
/** What its RETRYs write again in all: more than that is moved to an operation that is written once. */
const MAX_RETRIED_BYTES = 16 * 1024;

/** What a trial itself took: all but the dollars is measured. */
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
 * Gives what the whole takes in one way, as computed from what a trial has seen of each map; undefined where the way
 * changes nothing of the handler as it is.
 * @param isWhole whether the trial has run all that the plan is for: what it took is then measured
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
    if (!isAsIs && use.operations === asIs.operations) return undefined;
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
  // The start is passed once, and what follows is in proportion.
  if (way === "as is") return { ...base, requests, wallMs: pace.startMs + (pace.wallMs - pace.startMs) * times };
  const bytes = use.dataBytes + use.updates * UPDATE_FRAME_BYTES;
  const least = Math.max(1, Math.ceil(use.updates / MAX_REQUEST_UPDATES), Math.ceil(bytes / MAX_REQUEST_BYTES));
  // Requests leave as soon as the last one is answered: fewer updates make them smaller before they make them fewer.
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

/** Whether the items of a map can share operations. */
export function canShare({ kind, items }: FanOutNode): boolean {
  return (
    kind === "map" && items.length > 0 && items.every(({ children }) => children.every((node) => node.fitsInBatch))
  );
}

function useOfFanOut(own: Use, fanOut: FanOutNode, variant: Variant): Use {
  const { total, items, isWhole } = fanOut;
  // Of how many items one in the sample stands for.
  const factor = isWhole || items.length === 0 ? 1 : total / items.length;
  if (variant.way === "batch" && canShare(fanOut)) return useOfBatches(own, fanOut, variant.items);
  if (fanOut.form === "batched") {
    const use = add(ownUse(own, fanOut, 0), fanOut.batches, factor);
    // A batch is whole or it is not there. The factor may be a little too large, as fractions are.
    use.operations = Math.ceil(use.operations - 1e-6);
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

/** The map's own operation: as it was if it is whole, otherwise with the result that it is likely to have. */
function ownUse(own: Use, fanOut: FanOutNode, statusBytes: number): Use {
  if (fanOut.isWhole) return { ...own };
  return { ...own, updates: UPDATES_OF_AN_OPERATION, dataBytes: resultBytes(fanOut, statusBytes) };
}

/** @param statusBytes what the summary has besides, when the result is over the limit */
function resultBytes({ items, total }: FanOutNode, statusBytes: number): number {
  if (items.length === 0) return 0;
  const all = items.map(({ outcome }, index) =>
    outcome.mark === "F"
      ? { error: { ErrorType: "ChildContextError", Cause: outcome.error }, index, status: "FAILED" }
      : { result: outcome.result, index, status: "SUCCEEDED" },
  );
  const encoded = codec.encode({ all, completionReason: "ALL_COMPLETED" }) ?? "";
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
  // What one operation has no room for goes to further ones.
  const operationsEach = fullBytes <= MAX_PAYLOAD_BYTES ? 1 : 1 + Math.ceil(fullBytes / MAX_PAYLOAD_BYTES);
  // How often a batch waits depends little on its size, so that what other batches did is the best guess.
  const seenEach = fanOut.batchCount > 0 ? fanOut.batches.retries / fanOut.batchCount : retriesEach(items) * fullItems;
  const retriesOfBatch = Math.min(MAX_BATCH_RETRIES, seenEach);
  const retries = batches * retriesOfBatch;
  const retriedBytes = batches * Math.min(retriesOfBatch * fullBytes, MAX_RETRIED_BYTES);
  return {
    operations: 1 + batches * operationsEach,
    updates: UPDATES_OF_AN_OPERATION * (1 + batches * operationsEach + retries),
    retries,
    dataBytes: ownUse(own, fanOut, 0).dataBytes + total * itemBytes + retriedBytes,
  };
}

function retriesEach(items: readonly ItemNode[]): number {
  const retriesIn = (nodes: readonly PlanNode[]): number =>
    nodes.reduce((sum, { own, children }) => sum + own.retries + retriesIn(children), 0);
  return items.reduce((sum, { children }) => sum + retriesIn(children), 0) / items.length;
}

/** Bytes that an item takes in a batch, by the sample: large batches are taken for as compact as the whole sample. */
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
