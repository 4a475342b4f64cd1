import { afterAll, afterEach, beforeEach, expect } from "vitest";
import { SHARED_BATCH } from "../../src/core/worker-pools.ts";
import type { MapItemContext } from "../../src/workers/worker-functions.ts";
import { closeWorkers, type WorkerOptions, workerStatistics, workers } from "../../src/workers.ts";

type Functions = typeof import("./worker-functions.ts");

/** The module that the tests of worker threads run. */
export const MODULE = new URL("./worker-functions.ts", import.meta.url);

// Test files share nothing, but each ends with its threads gone.
afterAll(() => closeWorkers());

/** Its functions, on two real threads whatever this machine has. */
export function threads(options: WorkerOptions = {}) {
  return workers<Functions>(MODULE, { mode: "threads", threads: 2, ...options });
}

const DURABLE_CONTEXT = Symbol.for("@aws/durable-execution-sdk-js/durable-context");

/** Calls a function as the items of one batch do, all of them in one turn: one message has their calls. */
export function inOneBatch<Item, Result>(
  call: (context: MapItemContext, item: Item, index: number) => Promise<Result>,
  items: readonly Item[],
): Promise<Result>[] {
  const context = {
    [DURABLE_CONTEXT]: true,
    [SHARED_BATCH]: {},
    executionContext: { durableExecutionArn: "arn:aws:lambda:us-east-1:123456789012:function:f" },
    step: <T>(_name: string | undefined, body: () => Promise<T>) => body(),
  };
  return items.map((item, index) => call(context, item, index));
}

/** What a promise rejects with. */
export async function rejection(promise: PromiseLike<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error("It did not reject.");
}

/** Threads that died or were ended, so far. */
export const restarts = (): number => workerStatistics()?.restarts ?? 0;

/** Of each test of the file. */
export function expectNoUnhandledRejections(): void {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  beforeEach(() => void process.on("unhandledRejection", note));
  afterEach(() => {
    process.off("unhandledRejection", note);
    expect(unhandled.splice(0)).toEqual([]);
  });
}
