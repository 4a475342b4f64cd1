import { hash } from "node:crypto";
import { type BatchResult, DurableExecutionClientError, type MapConfig, type StepConfig } from "../../src/index.ts";
import type { LocalEngineOptions } from "../../src/testing.ts";
import { describeError } from "./differential.ts";
import type { CheckpointCall, Run } from "./service.ts";

export const indexes = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Tries again after so many seconds, three attempts in all unless said. */
export const later = (seconds: number, maxAttempts = 3): Pick<StepConfig<unknown>, "retryStrategy"> => ({
  retryStrategy: (_error: Error, attempt: number) => ({ shouldRetry: attempt < maxAttempts, delay: { seconds } }),
});

export const never: Pick<StepConfig<unknown>, "retryStrategy"> = { retryStrategy: () => ({ shouldRetry: false }) };

/** Items that share an operation, in every way that may matter. */
export const BATCHINGS: readonly [string, Pick<MapConfig<number, unknown>, "batch" | "maxConcurrency">][] = [
  ["batches of one", { batch: 1 }],
  ["batches of two, one item at a time", { batch: 2, maxConcurrency: 1 }],
  ["batches of three, two items at a time", { batch: 3, maxConcurrency: 2 }],
  ["one batch", { batch: 100 }],
  ["batches with little room", { batch: { maxItems: 3, maxBytes: 1_024 } }],
];

/** The engine begins the next invocation at once after one that failed. */
export const RETRYING: LocalEngineOptions = { invocation: { retryPauseMs: 0 } };

/** Cuts the invocation off after the answers to these requests, counted from 1 over all invocations. */
export function cutAfter(...requests: number[]) {
  let count = 0;
  return async ({ forward }: CheckpointCall) => {
    const answer = await forward();
    if (requests.includes(++count)) throw new DurableExecutionClientError("cut off");
    return answer;
  };
}

/** How often each body ran, by what it is called. */
export class Runs {
  readonly #counts = new Map<string, number>();

  note(what: string): number {
    const count = (this.#counts.get(what) ?? 0) + 1;
    this.#counts.set(what, count);
    return count;
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  get all(): Record<string, number> {
    return Object.fromEntries([...this.#counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** Text that nothing compresses, the same for the same seed. */
export function noise(characters: number, seed: number | string = 0): string {
  let text = "";
  for (let at = 0; text.length < characters; at++) text += hash("sha512", `${seed} ${at}`, "base64");
  return text.slice(0, characters);
}

/** All that a handler can see of a batch's result. */
export function summary(batch: BatchResult<unknown>) {
  return {
    all: batch.all.map(({ error, ...item }) => ({
      ...item,
      ...(error === undefined ? {} : { error: describeError(error) }),
    })),
    counts: [batch.successCount, batch.failureCount, batch.startedCount, batch.totalCount],
    why: [batch.completionReason, batch.status],
  };
}

/** The updates of a map's batches: action and name. */
export const batchUpdates = ({ updates }: Run) =>
  updates.filter(({ SubType }) => SubType === "MapBatch" || SubType === "MapBatchPart");
