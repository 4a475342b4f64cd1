import { BATCH_SUBTYPE } from "../core/batch-operation.ts";
import { type BatchSize, DEFAULT_BATCH_ITEMS } from "../core/batch-size.ts";
import type { ChildContextError } from "../core/errors.ts";
import { childPath, operationId } from "../core/ids.ts";
import { type Permit, Semaphore } from "../core/semaphore.ts";
import type { AnySerdes, Serdes } from "../core/serdes.ts";
import type { Execution } from "../execution/execution.ts";
import type { Scope } from "../execution/scope.ts";
import { regainPlaces, Slot } from "../execution/slot.ts";
import { park } from "../execution/suspension.ts";
import { batchFormat, readSummary } from "./batch-format.ts";
import { Batch, type BatchItem, type BatchResult } from "./batch-result.ts";
import type { BatchedItems } from "./batched/batched-items.ts";
import { BatchedMap } from "./batched/batched-map.ts";
import type { Collect } from "./batched/collector.ts";

import type { ItemSource } from "./batched/source.ts";
import { checkCompletion, checkFunction, checkOneOf, checkSerdes, operationLabel } from "./checks.ts";
import { type ChildPlan, childResultFormat, type ResultFormat, recallChild, runChild } from "./child.ts";
import {
  BatchItemStatus,
  Completion,
  type CompletionConfig,
  type CompletionReason,
  completionConfigFault,
} from "./completion.ts";
import { Lending } from "./lending.ts";
import { isFinished } from "./operation.ts";
import type { EncodedResult } from "./payload.ts";
import { announceFanOut, batchItemsOf, checkQuota, type FanOutSize, operationsOf } from "./quota.ts";

/** Whether each branch is a context of its own in the history. */
export const NestingType = {
  /** It is, at the price of one operation and one copy of its result. The default. */
  NESTED: "NESTED",
  /** It is not: its operations belong to the map or parallel itself. */
  FLAT: "FLAT",
} as const;
export type NestingType = (typeof NestingType)[keyof typeof NestingType];

/** What `map` and `parallel` have in common. */
export interface FanOutConfig<TResult> {
  /**
   * Branches that run at once. From 2 on, one that only waits for a step's acknowledgement lends its place to the next
   * one (`runtime.checkpoint.maxUnacknowledged`). Default: all, through a window of those that execute
   * (`runtime.concurrency`).
   */
  maxConcurrency?: number;
  serdes?: Serdes<BatchResult<TResult>>;
  itemSerdes?: Serdes<TResult>;
  completionConfig?: CompletionConfig;
  /** Adds a text to the summary that is kept when the result is over the limit. */
  summaryGenerator?: (result: BatchResult<TResult>) => string;
  nesting?: NestingType;
}

/** Branches to run; they are asked for one by one, when their turn comes. */
export interface Branches {
  readonly kind: "map" | "parallel";
  readonly count: number;
  readonly nameOf: (index: number) => string;
  readonly run: (index: number, scope: Scope) => Promise<unknown>;
  /** Present where items may share an operation. */
  readonly shared?: SharedItems;
}

/** How items are run that share operations. */
export interface SharedItems extends Omit<BatchedItems, "source" | "nameOf"> {
  /** How many items share an operation; undefined where each has its own. */
  readonly batch: BatchSize | undefined;
  readonly collect: Collect | undefined;
  /** Without it they cannot run at all. */
  readonly isRequired: boolean;
  /** They are read one after the other: nobody knows how many there are. */
  readonly isStream?: true;
  readonly source: () => ItemSource;
  readonly nameOf?: BatchedItems["nameOf"];
}

/** Runs a `map` or `parallel`; what is synchronous here happens at the call. */
export async function runFanOut<T>(
  execution: Execution,
  scope: Scope,
  name: string | undefined,
  branches: Branches,
  config: FanOutConfig<T> = {},
): Promise<BatchResult<T>> {
  const size = sizeOf(name, branches, config);
  const fault = findFault(config) ?? checkQuota(execution, scope, size);
  if (fault !== undefined) {
    execution.terminate({ end: "fail", error: fault });
    return park();
  }
  const label = () => operationLabel(branches.kind, name);
  checkCompletion(label, config.completionConfig);
  checkOneOf(label, "nesting", config.nesting, Object.values(NestingType));
  checkSerdes(label, "serdes", config.serdes as AnySerdes | undefined, ["serialize", "deserialize"]);
  checkSerdes(label, "itemSerdes", config.itemSerdes as AnySerdes | undefined, ["serialize", "deserialize"]);
  checkFunction(label, "summaryGenerator", config.summaryGenerator);
  const sizes = { itemBytes: 0, batched: false };
  const format = batchFormat<T>({
    type: branches.kind === "map" ? "MapResult" : "ParallelResult",
    serdes: config.serdes,
    hasItemSerdes: config.itemSerdes !== undefined || scope.defaultSerdes !== undefined,
    summaryGenerator: config.summaryGenerator,
    itemBytes: () => sizes.itemBytes,
    keepsStatuses: () => !sizes.batched,
    onRecalled: ({ totalCount }) => execution.usage.addUndelivered(operationsOf(totalCount, size)),
  });
  const result = await runChild(execution, scope, {
    name,
    subType: branches.kind === "map" ? "Map" : "Parallel",
    virtual: false,
    hasOwnCode: false,
    format,
    body: (inner, recorded) => {
      const batched = batchedMap<T>(execution, inner, name, branches, config, sizes);
      if (batched !== undefined) {
        sizes.batched = true;
        if (recorded === undefined) return batched.run();
        return batched.rebuild(readSummary(execution, recorded.ContextDetails?.Result).completionReason);
      }
      const fanOut = new FanOut<T>(execution, inner, branches, config, sizes);
      if (recorded === undefined) return fanOut.run(name);
      return fanOut.rebuild(readSummary(execution, recorded.ContextDetails?.Result));
    },
  });
  return result as BatchResult<T>;
}

function sizeOf<T>(
  name: string | undefined,
  { kind, count, shared }: Branches,
  { nesting = NestingType.NESTED, completionConfig }: FanOutConfig<T>,
): FanOutSize {
  const batchItems = batchItemsOf(shared?.batch);
  return { kind, name, total: shared?.isStream ? undefined : count, nesting, batchItems, completionConfig };
}

/** The map in batches, if it is one: by what is recorded of it or, where nothing is, by its settings. */
function batchedMap<T>(
  execution: Execution,
  inner: Scope,
  name: string | undefined,
  { nameOf, shared }: Branches,
  config: FanOutConfig<T>,
  sizes: { itemBytes: number },
): BatchedMap<T> | undefined {
  if (shared === undefined) return undefined;
  const { batch, collect, run, source } = shared;
  const first = childPath(inner.path, 1);
  const record = execution.state.peek(operationId(first));
  const isUnbatched =
    record === undefined
      ? batch === undefined || execution.state.has(operationId(childPath(first, 1)))
      : record.SubType !== BATCH_SUBTYPE;
  if (isUnbatched && !shared.isRequired) return undefined;
  const { quotas, checkpoint } = execution.settings;
  return new BatchedMap<T>(
    execution,
    inner,
    { source: source(), nameOf: shared.nameOf ?? nameOf, run },
    {
      name,
      permits: permitsOf(execution, config).permits,
      maxItems: batch?.maxItems ?? DEFAULT_BATCH_ITEMS,
      maxBytes: Math.min(batch?.maxBytes ?? quotas.payloadBytes, quotas.payloadBytes),
      maxUnacknowledged: checkpoint.maxUnacknowledged,
      completionConfig: config.completionConfig,
      itemSerdes: config.itemSerdes as AnySerdes | undefined,
      collect,
      onPacked: (bytes) => {
        sizes.itemBytes += bytes;
      },
    },
  );
}

function permitsOf<T>(
  execution: Execution,
  { maxConcurrency }: FanOutConfig<T>,
): { permits: number; lendable: boolean } {
  const own = Number(maxConcurrency);
  if (maxConcurrency != null && own > 0) return { permits: Math.ceil(own), lendable: false };
  return { permits: execution.settings.concurrency, lendable: true }; // F2
}

function findFault<T>(config: FanOutConfig<T>): Error | undefined {
  const { maxConcurrency } = config;
  if (typeof maxConcurrency === "number" && maxConcurrency <= 0) {
    return new Error(
      `Invalid maxConcurrency: ${maxConcurrency}. Must be a positive number or undefined for unlimited concurrency.`,
    );
  }
  return completionConfigFault(config.completionConfig);
}

/**
 * One map or parallel at work.
 *
 * F1  Branches start in the order of their index, and only when there is room: what waits costs nothing.
 * F2  Without a `maxConcurrency` of its own, a branch that only waits gives its place to the next one.
 * F3  Once the policy is satisfied nothing starts, and what still runs is left behind.
 * F4  A place is held by code that runs: see `Lending`.
 */
class FanOut<T> {
  readonly #execution: Execution;
  readonly #scope: Scope;
  readonly #branches: Branches;
  readonly #config: FanOutConfig<T>;
  readonly #completion: Completion;
  readonly #items: BatchItem<T>[] = [];
  readonly #itemFormat: ResultFormat;

  constructor(
    execution: Execution,
    scope: Scope,
    branches: Branches,
    config: FanOutConfig<T>,
    sizes: { itemBytes: number },
  ) {
    this.#execution = execution;
    this.#scope = scope;
    this.#branches = branches;
    this.#config = config;
    this.#completion = new Completion(branches.count, config.completionConfig, branches.nameOf);
    const format = childResultFormat({ serdes: config.itemSerdes as AnySerdes });
    const tally = (encoded: EncodedResult): EncodedResult => {
      sizes.itemBytes += encoded.payload?.length ?? 0;
      return encoded;
    };
    this.#itemFormat = {
      ...format,
      encode: (operation, result) => {
        const encoding = format.encode(operation, result);
        return encoding instanceof Promise ? encoding.then(tally) : tally(encoding);
      },
    };
  }

  /** Rejects with what a custom policy throws. */
  async run(name: string | undefined): Promise<Batch<T>> {
    const leave = announceFanOut(this.#execution, this.#scope, sizeOf(name, this.#branches, this.#config), {
      total: this.#branches.count,
      isTotalKnown: true,
      counts: () => {
        const { succeeded, failed } = this.#completion;
        return { succeeded, failed, running: this.#items.length - succeeded - failed };
      },
    });
    try {
      this.#completion.begin();
      if (!this.#completion.isOver) await this.#runAll();
    } finally {
      leave();
    }
    return new Batch(this.#items, this.#completion.reason);
  }

  #runAll(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { count } = this.#branches;
      const { permits, lendable } = permitsOf(this.#execution, this.#config);
      let over = false;
      let pulled = 0;
      const completion = this.#completion;
      // F4
      const lending = new Lending({
        execution: this.#execution,
        permits,
        lendsWhileWaiting: lendable, // F2
        isRoomWanted: () => (pulled < count && !over) || semaphore.isWaitedFor,
        mayRunAhead: (failing) => {
          const { succeeded, failed } = completion;
          return completion.goesOnAfter(this.#items.length - succeeded - failed, failing);
        },
      });

      const start = (permit: Permit): void => {
        const regained = regainPlaces(this.#scope);
        if (regained === undefined) begin(permit);
        else void regained.then(() => begin(permit));
      };
      const begin = (permit: Permit): void => {
        if (over) {
          permit.done();
          return;
        }
        const slot = new Slot(permit, lending);
        const index = this.#items.length;
        this.#items.push({ index, status: BatchItemStatus.STARTED });
        completion.started(index);
        void runChild(this.#execution, this.#scope, this.#planOf(index, slot)).then(
          (value) => end(slot, succeeded(index, value)),
          (error) => end(slot, failed(index, error)),
        );
      };
      const end = (slot: Slot, item: EndedItem<T>): void => {
        if (over) return slot.done();
        this.#items[item.index] = item;
        try {
          completion.ended(item.index, item.status);
          over = completion.isOver; // F3
          if (over) resolve();
        } catch (policyError) {
          over = true;
          reject(policyError);
        }
        const isMore = !over && pulled < count && !this.#execution.isClosing;
        const permit = isMore ? slot.passOn() : undefined;
        if (permit === undefined) slot.done();
        else {
          pulled++;
          start(permit);
        }
        lending.reconsider();
      };
      const pull = (): void => {
        // F1
        if (this.#execution.isClosing && !over && pulled < count) {
          this.#execution.refuse();
          return;
        }
        while (!over && pulled < count && semaphore.hasRoom) {
          pulled++;
          semaphore.acquire(start);
        }
      };
      const semaphore = new Semaphore(permits, pull);
      pull();
    });
  }

  #planOf(index: number, slot?: Slot): ChildPlan {
    const { kind, nameOf, run } = this.#branches;
    return {
      name: nameOf(index),
      subType: kind === "map" ? "MapIteration" : "ParallelBranch",
      virtual: this.#config.nesting === NestingType.FLAT,
      format: this.#itemFormat,
      slot,
      body: (inner) => run(index, inner),
    };
  }

  /** Collects a finished batch from its recorded children. */
  async rebuild(summary: { completionReason?: CompletionReason; itemStatuses?: string }): Promise<Batch<T>> {
    const { count } = this.#branches;
    const known = summary.itemStatuses;
    for (let index = 0; index < Math.min(count, known?.length ?? count); index++) {
      const status = known === undefined ? this.#recordedStatus(index) : known[index];
      if (status === "S" || status === "F") {
        const recalled = recallChild(this.#execution, this.#scope, this.#planOf(index));
        // Many items are not awaited that need not be.
        const item =
          recalled instanceof Promise
            ? await recalled.then(
                (value) => succeeded<T>(index, value),
                (error) => failed<T>(index, error),
              )
            : succeeded<T>(index, recalled.value);
        this.#items.push(item);
        this.#completion.ended(index, item.status);
      } else {
        this.#scope.skipPath();
        if (status === "-") this.#items.push({ index, status: BatchItemStatus.STARTED });
      }
    }
    return new Batch(this.#items, summary.completionReason ?? this.#completion.reason);
  }

  /** For summaries written before statuses were kept: what the children's own records say. */
  #recordedStatus(index: number): "S" | "-" | undefined {
    const path = childPath(this.#scope.path, index + 1);
    const { state } = this.#execution;
    if (this.#config.nesting !== NestingType.FLAT) {
      const record = state.peek(operationId(path));
      if (record === undefined) return undefined;
      return isFinished(record) ? "S" : "-";
    }
    for (let inner = 1; ; inner++) {
      const record = state.peek(operationId(childPath(path, inner)));
      if (record === undefined) return inner === 1 ? undefined : "S";
      if (!isFinished(record)) return "-";
    }
  }
}

type EndedItem<T> = BatchItem<T> & { status: "SUCCEEDED" | "FAILED" };

// A live item has its members in the order in which a payload has them, so that both look the same as JSON.
function succeeded<T>(index: number, value: unknown): EndedItem<T> {
  if (value === undefined) return { index, status: BatchItemStatus.SUCCEEDED };
  return { result: value as T, index, status: BatchItemStatus.SUCCEEDED };
}

function failed<T>(index: number, error: unknown): EndedItem<T> {
  return { error: error as ChildContextError, index, status: BatchItemStatus.FAILED };
}
