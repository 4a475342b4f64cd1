import type { BatchResult, CompletionConfig } from "../../src/index.ts";
import { describeError } from "../support/differential.ts";
import type { Handler } from "../support/service.ts";

/** Tells the test that the code with this label runs. */
export type Ran = (label: string) => void;

/** A handler that recordings name; its code must stay as it was when they were made. */
export type RecordedHandler = (ran: Ran) => Handler;

export const later = (seconds: number, maxAttempts = 10) => ({
  retryStrategy: (_error: Error, attempt: number) => ({ shouldRetry: attempt < maxAttempts, delay: { seconds } }),
});
export const never = { retryStrategy: () => ({ shouldRetry: false }) };
export const tolerant: { completionConfig: CompletionConfig } = {
  completionConfig: { toleratedFailurePercentage: 100 },
};

export const indexes = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Text that no codec makes much smaller, the same for the same seed. */
export function noise(seed: number, length: number): string {
  let state = seed * 2_654_435_761 + 1;
  let text = "";
  while (text.length < length) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    text += (state >>> 8).toString(36);
  }
  return text.slice(0, length);
}

/** Reads like the map's result whether it came from a run or from a record. */
export function summary(batch: BatchResult<unknown>) {
  return {
    all: batch.all.map(({ error, ...item }) => (error === undefined ? item : { ...item, error: describeError(error) })),
    counts: [batch.successCount, batch.failureCount, batch.startedCount, batch.totalCount],
    why: [batch.completionReason, batch.status],
  };
}

/** Code that throws on its first attempts, and then says at which one it did not. */
export function flaky(ran: Ran, label: string, failures: number) {
  return async ({ attempt }: { attempt: number }) => {
    ran(label);
    if (attempt <= failures) throw new RangeError(`${label} failed at attempt ${attempt}`);
    return `${label} at attempt ${attempt}`;
  };
}

export async function* pages(count: number): AsyncGenerator<{ row: number }> {
  for (const row of indexes(count)) yield { row };
}

export const tagged = (tag: string) => ({
  serialize: async (value: unknown) => (value === undefined ? undefined : `${tag}:${JSON.stringify(value)}`),
  deserialize: async (text: string | undefined) => {
    if (text === undefined) return undefined;
    if (!text.startsWith(`${tag}:`)) throw new TypeError(`"${text}" was not written by ${tag}`);
    return JSON.parse(text.slice(tag.length + 1));
  },
});
