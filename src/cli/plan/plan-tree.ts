import type { Outcome } from "../../codec/batch-outcomes.ts";
import { createCodec } from "../../codec/codec.ts";
import { BATCH_SUBTYPE } from "../../core/batch-operation.ts";
import { findPaths, itemIndex } from "../../core/operation-paths.ts";
import { isFinished } from "../../core/transitions.ts";
import type { Operation } from "../../core/wire.ts";
import { type ItemView, readBatches } from "../inspect/batch-view.ts";
import type { FanOutCounts, OperationTally, Trial } from "./trial.ts";

/** What something takes of an execution. */
export interface Use {
  operations: number;
  updates: number;
  retries: number;
  dataBytes: number;
}

/** An operation with what stands in it. */
export interface PlanNode {
  readonly own: Use;
  readonly children: readonly PlanNode[];
  /** A map or parallel, whose items are not among the children. */
  readonly fanOut?: FanOutNode;
  /** Whether this can run in place, without an operation of its own. */
  readonly fitsInBatch: boolean;
}

export interface ItemNode {
  /** Its own context; nothing where it has none. */
  readonly own: Use;
  readonly children: readonly PlanNode[];
  /** As a batch keeps it. */
  readonly outcome: Outcome;
  readonly hasEnded: boolean;
}

/** A map or parallel, with the items that have ended in the sample (or those that have begun, if none has). */
export interface FanOutNode {
  readonly id: string;
  readonly name: string;
  readonly kind: "map" | "parallel";
  /** How items stand in the history. */
  readonly form: "nested" | "flat" | "batched";
  /** Items that share an operation as it is. */
  readonly batchItems: number | undefined;
  readonly total: number;
  readonly isTotalKnown: boolean;
  readonly items: readonly ItemNode[];
  /** Of those batches that hold the items, where they are shared: what all of them took, and how many they are. */
  readonly batches: Use;
  readonly batchCount: number;
  readonly hasEnded: boolean;
  /** Whether it is computed for a number of items that is not its own. */
  readonly isComputed: boolean;
  /** Whether its operations are all that it takes. */
  readonly isWhole: boolean;
}

/** How many items a map is computed for; undefined: as many as it has. */
export type ItemsOf = (name: string, isOutermost: boolean, isTotalKnown: boolean) => number | undefined;

export const nothing = (): Use => ({ operations: 0, updates: 0, retries: 0, dataBytes: 0 });

export function add(to: Use, { operations, updates, retries, dataBytes }: Use, times = 1): Use {
  to.operations += operations * times;
  to.updates += updates * times;
  to.retries += retries * times;
  to.dataBytes += dataBytes * times;
  return to;
}

/** Arranges what a trial recorded by maps and items. */
export function readPlanTree(trial: Trial, itemsOf: ItemsOf): readonly PlanNode[] {
  return new TreeReader(trial, itemsOf).children(undefined, true);
}

/** All maps and parallels, the outer ones before those in their items. */
export function* fanOutsIn(nodes: readonly PlanNode[]): Generator<FanOutNode> {
  for (const { fanOut, children } of nodes) {
    if (fanOut !== undefined) {
      yield fanOut;
      for (const item of fanOut.items) yield* fanOutsIn(item.children);
    }
    yield* fanOutsIn(children);
  }
}

/** What a trial has seen of a map's items. */
type ItemsSeen = Pick<FanOutNode, "form" | "batchItems" | "items" | "batches" | "batchCount">;

const NO_TALLY: OperationTally = { updates: 0, retries: 0, dataBytes: 0 };
const IN_PLACE = new Set(["Step", "RunInChildContext"]);
const codec = createCodec("json");

class TreeReader {
  readonly #trial: Trial;
  readonly #itemsOf: ItemsOf;
  readonly #childrenOf = new Map<string | undefined, Operation[]>();
  readonly #paths: ReturnType<typeof findPaths>;
  readonly #outcomes: ReturnType<typeof readBatches>;

  constructor(trial: Trial, itemsOf: ItemsOf) {
    this.#trial = trial;
    this.#itemsOf = itemsOf;
    this.#paths = findPaths(trial.operations);
    this.#outcomes = readBatches(trial.operations);
    for (const operation of trial.operations) {
      if (operation.Type === "EXECUTION") continue;
      const siblings = this.#childrenOf.get(operation.ParentId);
      if (siblings === undefined) this.#childrenOf.set(operation.ParentId, [operation]);
      else siblings.push(operation);
    }
  }

  /** @param isOutermost whether no item of a map is around them */
  children(parent: string | undefined, isOutermost = false): PlanNode[] {
    return (this.#childrenOf.get(parent) ?? []).map((operation) => this.#node(operation, isOutermost));
  }

  #node(operation: Operation, isOutermost = false): PlanNode {
    const { Id: id = "", SubType: subType = "" } = operation;
    const own = this.#useOf(operation);
    if (subType === "Map" || subType === "Parallel") {
      return { own, children: [], fanOut: this.#fanOut(operation, isOutermost), fitsInBatch: false };
    }
    const children = this.children(id, isOutermost);
    const fitsInBatch = IN_PLACE.has(subType) && children.every((child) => child.fitsInBatch);
    return { own, children, fitsInBatch };
  }

  #fanOut(operation: Operation, isOutermost: boolean): FanOutNode {
    const { Id: id = "", SubType: subType } = operation;
    const kind = subType === "Parallel" ? "parallel" : "map";
    const name = operation.Name ?? kind;
    const counts = this.#trial.fanOuts.get(id);
    const isKnown = counts?.isTotalKnown ?? true;
    const hasEnded = isFinished(operation);
    const seen = this.#itemsIn(operation, counts);
    const wanted = kind === "map" ? this.#itemsOf(name, isOutermost, isKnown || hasEnded) : undefined;
    const isComputed = wanted !== undefined;
    const total = wanted ?? counts?.total ?? seen.items.length;
    const isWhole = hasEnded && !isComputed;
    return { id, name, kind, ...seen, total, isTotalKnown: isKnown, hasEnded, isComputed, isWhole };
  }

  #itemsIn(fanOut: Operation, counts: FanOutCounts | undefined): ItemsSeen {
    const children = this.#childrenOf.get(fanOut.Id ?? "") ?? [];
    if (children.some(({ SubType }) => SubType === BATCH_SUBTYPE)) return this.#batched(children, counts);
    const isNested = children.some(({ SubType }) => SubType === "MapIteration" || SubType === "ParallelBranch");
    const begun = isNested ? this.#nestedItems(children) : this.#flatItems(fanOut, children);
    const ended = isNested ? begun.filter(({ hasEnded }) => hasEnded) : begun.slice(0, counts?.ended);
    return {
      form: isNested ? "nested" : "flat",
      batchItems: undefined,
      items: ended.length > 0 ? ended : begun,
      batches: nothing(),
      batchCount: 0,
    };
  }

  #nestedItems(contexts: readonly Operation[]): ItemNode[] {
    return contexts.map((context) => ({
      own: this.#useOf(context),
      children: this.children(context.Id),
      outcome: outcomeOf(context),
      hasEnded: isFinished(context),
    }));
  }

  /** Which item an operation belongs to is in its path alone. Items begin in order: the first ones have ended. */
  #flatItems(map: Operation, operations: readonly Operation[]): ItemNode[] {
    const mapPath = this.#paths.get(map.Id ?? "");
    if (mapPath === undefined) return [];
    const groups = new Map<number, Operation[]>();
    for (const operation of operations) {
      const path = this.#paths.get(operation.Id ?? "");
      if (path === undefined) continue;
      const index = itemIndex(mapPath, path);
      const group = groups.get(index);
      if (group === undefined) groups.set(index, [operation]);
      else group.push(operation);
    }
    const byIndex = [...groups].sort(([a], [b]) => a - b);
    return byIndex.map(([, group]) => ({
      own: nothing(),
      children: group.map((operation) => this.#node(operation)),
      outcome: outcomeOf(group.at(-1) as Operation),
      hasEnded: group.every(isFinished),
    }));
  }

  #batched(children: readonly Operation[], counts: FanOutCounts | undefined): ItemsSeen {
    const views = children.flatMap(({ Id }) => this.#outcomes.get(Id ?? "") ?? []);
    const ended = views.filter(({ operation }) => operation.Status === "SUCCEEDED");
    const chosen = ended.length > 0 ? ended : views;
    const batches = nothing();
    for (const { operation, parts } of chosen) for (const one of [operation, ...parts]) add(batches, this.#useOf(one));
    const items = chosen.flatMap((view) =>
      view.items.map((item) => ({ own: nothing(), children: [], outcome: storedOutcome(item), hasEnded: true })),
    );
    const batchItems = counts?.batchItems ?? Math.max(1, ...views.map((view) => view.items.length));
    return { form: "batched", batchItems, items, batches, batchCount: chosen.length };
  }

  #useOf({ Id }: Operation): Use {
    const { updates, retries, dataBytes } = this.#trial.tallies.get(Id ?? "") ?? NO_TALLY;
    return { operations: 1, updates, retries, dataBytes };
  }
}

function outcomeOf({ Status, StepDetails, ContextDetails }: Operation): Outcome {
  const { Result: payload, Error: error } = ContextDetails ?? StepDetails ?? {};
  if (Status === "FAILED") return { mark: "F", error: error ?? {} };
  return payload === undefined ? { mark: "U" } : { mark: "S", result: readable(payload) };
}

/** A payload of a serdes of the user's is kept as the text that it is. */
function readable(payload: string): unknown {
  try {
    return codec.decode(payload);
  } catch {
    return payload;
  }
}

function storedOutcome({ status, result, error }: ItemView): Outcome {
  if (status === "FAILED") return { mark: "F", error: error ?? {} };
  return result === undefined ? { mark: "U" } : { mark: "S", result };
}
