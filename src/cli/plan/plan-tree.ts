import type { Outcome } from "../../codec/batch-outcomes.ts";
import { BATCH_SUBTYPE } from "../../core/batch-operation.ts";
import type { FanOutAnnouncement } from "../../core/fan-out-announcement.ts";
import { findPaths, itemIndex } from "../../core/operation-paths.ts";
import { isFinished } from "../../core/transitions.ts";
import { isFanOut, isItem, type Operation } from "../../core/wire.ts";
import { groupBy } from "../group-by.ts";
import { type ItemView, readBatches } from "../inspect/batch-view.ts";
import { readAnyPayload } from "../inspect/payload-view.ts";
import type { OperationTally, Trial } from "./trial.ts";

export interface Use {
  operations: number;
  updates: number;
  retries: number;
  dataBytes: number;
}

export interface PlanNode {
  readonly own: Use;
  readonly children: readonly PlanNode[];
  /** Present if the operation is a map or parallel. Its items are not in `children`. */
  readonly fanOut?: FanOutNode;
  readonly isWait: boolean;
  /** Whether the plan can compute what this operation needs inside a batch. */
  readonly fitsInBatch: boolean;
}

export interface ItemNode {
  /** What the context of the item uses. All numbers are 0 if the item has no context. */
  readonly own: Use;
  readonly children: readonly PlanNode[];
  /** The outcome, in the form in which a batch keeps it. */
  readonly outcome: Outcome;
}

export interface FanOutNode {
  readonly id: string;
  readonly name: string;
  readonly kind: "map" | "parallel";
  /** How items are recorded: each in a context, without a context, or in batches. Undefined if this is unknown. */
  readonly form: "nested" | "flat" | "batched" | undefined;
  /** How many items share an operation in the handler as it is. Undefined if no batch is recorded. */
  readonly batchItems: number | undefined;
  readonly total: number;
  readonly isTotalKnown: boolean;
  /**
   * `nested`: the ended items, or all that began if none has ended. `flat`: all items with operations. `batched`: all
   * items of the ended batches, or of all batches if none has ended.
   */
  readonly items: readonly ItemNode[];
  /** What the batches that hold `items` use together. */
  readonly batches: Use;
  /** The number of the batches that hold `items`. */
  readonly batchCount: number;
  readonly hasEnded: boolean;
  /** Whether `total` is the number that the user gave (`--items`), instead of the map's number. */
  readonly isComputed: boolean;
  /** Whether the map has ended in the trial and `total` is its number of items. Then nothing has to be computed. */
  readonly isWhole: boolean;
}

export const nothing = (): Use => ({ operations: 0, updates: 0, retries: 0, dataBytes: 0 });

export function add(to: Use, { operations, updates, retries, dataBytes }: Use, times = 1): Use {
  to.operations += operations * times;
  to.updates += updates * times;
  to.retries += retries * times;
  to.dataBytes += dataBytes * times;
  return to;
}

/** @param items the number of items to assume in outermost maps, and in maps of unknown length; undefined: none */
export function readPlanTree(trial: Trial, items: number | undefined): readonly PlanNode[] {
  return new TreeReader(trial, items).children(undefined, true);
}

/** A map comes before the maps inside its items. */
export function* fanOutsIn(nodes: readonly PlanNode[]): Generator<FanOutNode> {
  for (const { fanOut, children } of nodes) {
    if (fanOut !== undefined) {
      yield fanOut;
      for (const item of fanOut.items) yield* fanOutsIn(item.children);
    }
    yield* fanOutsIn(children);
  }
}

type ItemsSeen = Pick<FanOutNode, "form" | "batchItems" | "items" | "batches" | "batchCount">;

const NO_TALLY: OperationTally = { updates: 0, retries: 0, dataBytes: 0 };
/** Inside a batch, the other operations need operations of their own, or hold a map that can have batches itself. */
const FITTING = new Set(["Step", "RunInChildContext", "Wait", "WaitForCondition"]);

class TreeReader {
  readonly #trial: Trial;
  readonly #wantedItems: number | undefined;
  readonly #childrenOf: ReadonlyMap<string | undefined, readonly Operation[]>;
  readonly #paths: ReturnType<typeof findPaths>;
  readonly #outcomes: ReturnType<typeof readBatches>;

  constructor(trial: Trial, wantedItems: number | undefined) {
    this.#trial = trial;
    this.#wantedItems = wantedItems;
    this.#paths = findPaths(trial.operations);
    this.#outcomes = readBatches(trial.operations);
    const operations = trial.operations.filter(({ Type }) => Type !== "EXECUTION");
    this.#childrenOf = groupBy(operations, ({ ParentId }) => ParentId);
  }

  /** @param isOutermost whether no map or parallel is around the children */
  children(parent: string | undefined, isOutermost = false): PlanNode[] {
    return (this.#childrenOf.get(parent) ?? []).map((operation) => this.#node(operation, isOutermost));
  }

  #node(operation: Operation, isOutermost = false): PlanNode {
    const { Id: id = "", SubType: subType = "" } = operation;
    const own = this.#useOf(operation);
    if (isFanOut(subType)) {
      return { own, children: [], fanOut: this.#fanOut(operation, isOutermost), isWait: false, fitsInBatch: false };
    }
    const children = this.children(id, isOutermost);
    const fitsInBatch = FITTING.has(subType) && children.every((child) => child.fitsInBatch);
    return { own, children, isWait: subType === "Wait", fitsInBatch };
  }

  #fanOut(operation: Operation, isOutermost: boolean): FanOutNode {
    const { Id: id = "", SubType: subType } = operation;
    const kind = subType === "Parallel" ? "parallel" : "map";
    const name = operation.Name ?? kind;
    const counts = this.#trial.fanOuts.get(id);
    const isKnown = counts?.isTotalKnown ?? true;
    const hasEnded = isFinished(operation);
    const seen = this.#itemsIn(operation, counts);
    const isWanted = kind === "map" && (isOutermost || !(isKnown || hasEnded));
    const wanted = isWanted ? this.#wantedItems : undefined;
    const isComputed = wanted !== undefined;
    const total = wanted ?? counts?.total ?? seen.items.length;
    const isWhole = hasEnded && !isComputed;
    return { id, name, kind, ...seen, total, isTotalKnown: isKnown, hasEnded, isComputed, isWhole };
  }

  #itemsIn(fanOut: Operation, announced: FanOutAnnouncement | undefined): ItemsSeen {
    const children = this.#childrenOf.get(fanOut.Id ?? "") ?? [];
    if (children.some(({ SubType }) => SubType === BATCH_SUBTYPE)) return this.#batched(children, announced);
    const isNested = children.some(({ SubType }) => isItem(SubType));
    const items = isNested ? this.#nestedItems(children) : this.#flatItems(fanOut, children);
    // Without records, the map has no items, or they have not begun, or they are FLAT and have no operations.
    const isFlat = children.length > 0 || (announced?.nesting === "FLAT" && announced.batchItems === undefined);
    const form = isNested ? "nested" : isFlat ? "flat" : undefined;
    return { form, batchItems: undefined, items, batches: nothing(), batchCount: 0 };
  }

  #nestedItems(contexts: readonly Operation[]): ItemNode[] {
    const ended = contexts.filter(isFinished);
    return (ended.length > 0 ? ended : contexts).map((context) => ({
      own: this.#useOf(context),
      children: this.children(context.Id),
      outcome: outcomeOf(context),
    }));
  }

  /** Only the path of an operation says to which item the operation belongs. Operations without a path are left out. */
  #flatItems(map: Operation, operations: readonly Operation[]): ItemNode[] {
    const mapPath = this.#paths.get(map.Id ?? "");
    if (mapPath === undefined) return [];
    const byItem = groupBy(operations, ({ Id = "" }) => {
      const path = this.#paths.get(Id);
      return path === undefined ? -1 : itemIndex(mapPath, path);
    });
    byItem.delete(-1);
    return Array.from(byItem.values(), (group) => ({
      own: nothing(),
      children: group.map((operation) => this.#node(operation)),
      outcome: outcomeOf(group.at(-1) as Operation),
    }));
  }

  #batched(children: readonly Operation[], announced: FanOutAnnouncement | undefined): ItemsSeen {
    const views = children.flatMap(({ Id }) => this.#outcomes.get(Id ?? "") ?? []);
    const ended = views.filter(({ operation }) => operation.Status === "SUCCEEDED");
    const chosen = ended.length > 0 ? ended : views;
    const batches = nothing();
    for (const { operation, parts } of chosen) for (const one of [operation, ...parts]) add(batches, this.#useOf(one));
    const items = chosen.flatMap((view) =>
      view.items.map((item) => ({ own: nothing(), children: [], outcome: storedOutcome(item) })),
    );
    const batchItems = announced?.batchItems ?? Math.max(1, ...views.map((view) => view.items.length));
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
  return payload === undefined ? { mark: "U" } : { mark: "S", result: readAnyPayload(payload).value };
}

function storedOutcome({ status, result, error }: ItemView): Outcome {
  if (status === "FAILED") return { mark: "F", error: error ?? {} };
  return result === undefined ? { mark: "U" } : { mark: "S", result };
}
