import { packBatch, writeBatch, writtenAgain } from "../../codec/batch-outcomes.ts";
import { createCodec } from "../../codec/codec.ts";
import { environment } from "../../core/environment.ts";
import { MAX_PAYLOAD_BYTES, MAX_REQUEST_BYTES, MAX_REQUEST_UPDATES } from "../../core/limits.ts";
import { durableCost } from "../../core/prices.ts";
import { refusals } from "../cost.ts";
import { add, type FanOutNode, type ItemNode, nothing, type PlanNode, type Use } from "./plan-tree.ts";
import type { Pace, Trial } from "./trial.ts";

/** A way to run the maps of a handler. */
export type Variant = { readonly way: "as is" | "flat" } | { readonly way: "batch"; readonly items: number };

/** What the whole input takes, in one way. */
export interface Prediction {
  readonly name: string;
  /** As the quota counts them. */
  readonly operations: number;
  readonly requests: number;
  readonly dataBytes: number;
  /** Milliseconds, without waits and retry delays. */
  readonly wallMs: number;
  readonly dollars: number;
  /** Why AWS would refuse it; empty when it would not. */
  readonly refusedByAws: readonly string[];
  /** Whether it changes anything of the handler as it is. */
  readonly differs: boolean;
}

export function nameOf(variant: Variant): string {
  return variant.way === "batch" ? `batch: ${variant.items}` : variant.way;
}

const codec = createCodec(environment().DURABLE_FANOUT_CODEC === "json" ? "json" : "compact");
/** Bytes of a summary that is kept instead of a result over the limit, besides a character an item. */
const SUMMARY_BYTES = 150;
/** A request's frame around an update, about. */
const UPDATE_FRAME_BYTES = 200;
const UPDATES_OF_AN_OPERATION = 2;
/** The error with which a retry is recorded, about. */
const RETRY_BYTES = 100;
/**
 * A batch waits once for all items that fall due at about the same time, and records what it has. The delays of the
 * default strategy, of which a random part is left out, fall due at about five times (measured).
 */
const MAX_BATCH_RETRIES = 5;
/** What its RETRYs write again in all: more than that is moved to an operation that is written once. */
const MAX_RETRIED_BYTES = 16 * 1024;

/** Predicts from what a trial has seen of each map what the whole of it takes. */
export class PlanModel {
  readonly #nodes: readonly PlanNode[];
  readonly #trial: Trial;
  readonly #latencyMs: number;
  readonly #asIs: Use;

  constructor(nodes: readonly PlanNode[], trial: Trial, latencyMs: number) {
    this.#nodes = nodes;
    this.#trial = trial;
    this.#latencyMs = latencyMs;
    this.#asIs = this.#useOf({ way: "as is" });
  }

  predict(variant: Variant): Prediction {
    const use = this.#useOf(variant);
    const operations = Math.round(use.operations);
    const dataBytes = Math.round(use.dataBytes);
    const { requests, wallMs } = this.#pace(variant, use);
    return {
      name: nameOf(variant),
      operations,
      requests,
      dataBytes,
      wallMs,
      dollars: durableCost(1 + operations + Math.round(use.retries), dataBytes).totalUsd,
      refusedByAws: refusals(operations, dataBytes),
      differs: use.operations !== this.#asIs.operations,
    };
  }

  #useOf(variant: Variant): Use {
    const use = nothing();
    for (const node of this.#nodes) add(use, useOfNode(node, variant));
    const { input, outcome } = this.#trial;
    use.dataBytes += Buffer.byteLength(input) + Buffer.byteLength(outcome?.result ?? "");
    return use;
  }

  /**
   * Requests and time. As it is both are those of the sample, and what is left at the pace of its second half. Otherwise:
   * requests follow one another, so that they take their number times the latency; the handler's own work goes on at the
   * same time.
   */
  #pace({ way }: Variant, use: Use): { requests: number; wallMs: number } {
    const asIs = extrapolate(this.#trial, this.#asIs.updates);
    if (use.operations === this.#asIs.operations) return asIs;
    const { workMs } = asIs;
    const bytes = use.dataBytes + use.updates * UPDATE_FRAME_BYTES;
    const least = Math.max(1, Math.ceil(use.updates / MAX_REQUEST_UPDATES), Math.ceil(bytes / MAX_REQUEST_BYTES));
    if (way === "flat") {
      const requests = Math.max(least, Math.ceil((asIs.requests * use.updates) / Math.max(1, this.#asIs.updates)));
      return { requests, wallMs: Math.max(workMs, (asIs.wallMs * requests) / asIs.requests) };
    }
    const whileAtWork = this.#latencyMs > 0 ? Math.ceil(workMs / this.#latencyMs) : least;
    const requests = Math.max(least, Math.min(Math.ceil(use.updates / UPDATES_OF_AN_OPERATION), whileAtWork));
    return { requests, wallMs: Math.max(workMs, requests * this.#latencyMs) + this.#latencyMs };
  }
}

function extrapolate({ pace, halfway }: Trial, updates: number): Pace {
  const left = Math.max(0, updates - pace.updates);
  const from = halfway === undefined || halfway.updates === pace.updates ? NOTHING_PASSED : halfway;
  const times = left / Math.max(1, pace.updates - from.updates);
  const whole = (member: keyof Pace): number => pace[member] + (pace[member] - from[member]) * times;
  return {
    updates,
    requests: Math.max(1, Math.round(whole("requests"))),
    wallMs: whole("wallMs"),
    workMs: whole("workMs"),
  };
}

const NOTHING_PASSED: Pace = { updates: 0, requests: 0, wallMs: 0, workMs: 0 };

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

/** Of how many items one in the sample stands for. */
function factorOf({ total, items, hasEnded }: FanOutNode): number {
  return hasEnded || items.length === 0 ? 1 : total / items.length;
}

function useOfFanOut(own: Use, fanOut: FanOutNode, variant: Variant): Use {
  const factor = factorOf(fanOut);
  if (variant.way === "batch" && canShare(fanOut)) return useOfBatches(own, fanOut, variant.items);
  if (fanOut.form === "batched") {
    const use = add(ownUse(own, fanOut, 0), fanOut.batches, factor);
    // A batch is whole or it is not there. The factor may be a little too large, as fractions are.
    use.operations = Math.ceil(use.operations - 1e-6);
    return use;
  }
  const isFlat = variant.way === "flat" || fanOut.form === "flat";
  const use = ownUse(own, fanOut, fanOut.total);
  for (const item of fanOut.items) {
    if (!isFlat) add(use, item.own, factor);
    for (const child of item.children) add(use, useOfNode(child, variant), factor);
  }
  if (!fanOut.hasEnded && fanOut.retriesEach > 0) {
    const missing = Math.max(0, fanOut.retriesEach * fanOut.total - use.retries);
    add(use, { operations: 0, updates: UPDATES_OF_AN_OPERATION, retries: 1, dataBytes: RETRY_BYTES }, missing);
  }
  return use;
}

/** The map's own operation: as it was if it has ended, otherwise with the result that it is likely to have. */
function ownUse(own: Use, fanOut: FanOutNode, statusBytes: number): Use {
  if (fanOut.hasEnded) return { ...own };
  const dataBytes = resultBytes(fanOut, statusBytes);
  return { ...own, updates: UPDATES_OF_AN_OPERATION, dataBytes };
}

/** @param statusBytes what the summary has besides, when the result is over the limit */
function resultBytes({ items, total }: FanOutNode, statusBytes: number): number {
  if (items.length === 0) return 0;
  const all = items.map(({ outcome }, index) =>
    outcome.mark === "F"
      ? { error: { ErrorType: "ChildContextError", Cause: outcome.error }, index, status: "FAILED" }
      : { result: outcome.result, index, status: "SUCCEEDED" },
  );
  const bytes = (payloadBytes({ all, completionReason: "ALL_COMPLETED" }) / items.length) * total;
  return bytes <= MAX_PAYLOAD_BYTES ? bytes : SUMMARY_BYTES + statusBytes;
}

function useOfBatches(own: Use, fanOut: FanOutNode, batchItems: number): Use {
  const { items, retriesEach, hasEnded } = fanOut;
  const total = hasEnded ? items.length : fanOut.total;
  const batches = Math.ceil(total / batchItems);
  const itemBytes = bytesInBatches(items, batchItems);
  const fullItems = Math.min(batchItems, total);
  const fullBytes = fullItems * itemBytes;
  // What one operation has no room for goes to further ones.
  const operationsEach = fullBytes <= MAX_PAYLOAD_BYTES ? 1 : 1 + Math.ceil(fullBytes / MAX_PAYLOAD_BYTES);
  const retriesOfBatch = Math.min(MAX_BATCH_RETRIES, retriesEach * fullItems);
  const retries = batches * retriesOfBatch;
  const retriedBytes = batches * Math.min(retriesOfBatch * fullBytes, MAX_RETRIED_BYTES);
  return {
    operations: 1 + batches * operationsEach,
    updates: UPDATES_OF_AN_OPERATION * (1 + batches * operationsEach + retries),
    retries,
    dataBytes: ownUse(own, fanOut, 0).dataBytes + total * itemBytes + retriedBytes,
  };
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

function payloadBytes(value: unknown): number {
  return Buffer.byteLength(codec.encode(value) ?? "");
}
