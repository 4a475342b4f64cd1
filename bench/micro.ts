import * as official from "@aws/durable-execution-sdk-js";
import { Bench } from "tinybench";
import { childPath, operationId } from "../src/core/ids.ts";
import { createRetryStrategy } from "../src/core/retry.ts";
import { Semaphore } from "../src/core/semaphore.ts";
import { defaultSerdes } from "../src/core/serdes.ts";
import type { OperationUpdate } from "../src/core/wire.ts";
import { Coalescer } from "../src/execution/coalescer.ts";
import { Batch, type BatchItem } from "../src/operations/batch-result.ts";

export interface MicroRow {
  readonly name: string;
  /** What one operation is. */
  readonly unit: string;
  /** Nanoseconds for one of them: median, and relative margin of error of the mean in percent. */
  readonly nanos: number;
  readonly marginPercent: number;
  /** The same of the official SDK, where its public API has a counterpart. */
  readonly officialNanos?: number;
}

interface Micro {
  readonly name: string;
  readonly unit: string;
  /** How many units one call does. */
  readonly count: number;
  readonly run: () => unknown;
  readonly official?: () => unknown;
}

const COUNT = 1_000;
const numbers = Array.from({ length: COUNT }, (_, index) => index);
const parent = childPath(undefined, 1);

const items = numbers.map((index): BatchItem<number> => ({ index, status: "SUCCEEDED", result: index }));

const update = (index: number): OperationUpdate => ({
  Id: operationId(childPath(parent, index)),
  ParentId: "c4ca4238a0b92382",
  Name: "step",
  Type: "STEP",
  SubType: "Step",
  Action: "SUCCEED",
  Payload: String(index),
});
const updates = numbers.map(update);

/** Queues updates and waits until the last one is acknowledged by a client that answers at once. */
function coalesce(): Promise<void> {
  return new Promise((resolve, reject) => {
    const answer = { CheckpointToken: "token", NewExecutionState: { Operations: [] } };
    const coalescer = new Coalescer({
      client: { checkpoint: async () => answer, getExecutionState: async () => ({ Operations: [] }) },
      arn: "arn",
      token: "token",
      maxBytes: 768_000,
      maxUpdates: 250,
      maxDelayMs: 0,
      onChanged: () => undefined,
      onIdle: () => undefined,
      onFailure: reject,
      onClosed: () => reject(new Error("The coalescer was closed.")),
    });
    let left = updates.length;
    const acknowledged = () => {
      if (--left === 0) resolve();
    };
    for (const one of updates) coalescer.enqueue(one, acknowledged);
  });
}

/** Takes and gives back places, ten at a time. */
async function takeTurns(): Promise<void> {
  let at = 0;
  await new Promise<void>((resolve) => {
    let done = 0;
    const pull = () => {
      while (at < COUNT && semaphore.hasRoom) {
        at++;
        semaphore.acquire((permit) => {
          queueMicrotask(() => permit.done());
        });
      }
    };
    const semaphore = new Semaphore(10, () => {
      if (++done === COUNT) resolve();
      else pull();
    });
    pull();
  });
}

const officialName = (name: string): string => `${name}, official`;

const busy = new Error("busy");
const serdesContext = { entityId: "1", durableExecutionArn: "arn" };
const small = { id: 12345, ok: true, tag: "abcdef" };

/** A default retry strategy decides about first attempts. */
function decide(strategy: typeof createRetryStrategy) {
  const decision = strategy();
  return () => {
    for (let count = 0; count < COUNT; count++) {
      if (!decision(busy, 1).shouldRetry) throw new Error("A first attempt was the last one.");
    }
  };
}

/** A small object through the default serdes, there and back. */
async function roundTrips(serdes: typeof defaultSerdes) {
  for (let count = 0; count < COUNT; count++) {
    await serdes.deserialize(await serdes.serialize(small, serdesContext), serdesContext);
  }
}

const micros: readonly Micro[] = [
  {
    name: "ids",
    unit: "path and its wire id",
    count: COUNT,
    run: () => numbers.map((index) => operationId(childPath(parent, index))),
  },
  { name: "coalescer", unit: "update queued, sent and acknowledged", count: COUNT, run: coalesce },
  { name: "semaphore", unit: "place taken and given back", count: COUNT, run: takeTurns },
  {
    name: "batch results",
    unit: "item of a result counted and listed",
    count: COUNT,
    run: () => {
      const batch = new Batch(items, "ALL_COMPLETED");
      if (batch.successCount !== COUNT || batch.getResults().length !== COUNT) throw new Error("Results are missing.");
    },
  },
  {
    name: "retry strategy",
    unit: "decision about a first attempt",
    count: COUNT,
    run: decide(createRetryStrategy),
    official: decide(official.createRetryStrategy as typeof createRetryStrategy),
  },
  {
    name: "default serdes",
    unit: "object of 36 bytes, there and back",
    count: COUNT,
    run: () => roundTrips(defaultSerdes),
    official: () => roundTrips(official.defaultSerdes),
  },
];

/** The inner mechanisms of this package on their own, beside the few that the official SDK exports. */
export async function measureMicros(quick: boolean): Promise<MicroRow[]> {
  const bench = new Bench({ time: quick ? 20 : 500, warmupTime: quick ? 5 : 100, throws: true });
  const add = (name: string, run: () => unknown) =>
    bench.add(name, async () => {
      await run();
    });
  for (const { name, run, official } of micros) {
    add(name, run);
    if (official !== undefined) add(officialName(name), official);
  }
  await bench.run();
  const latencyOf = (name: string) => {
    const result = bench.getTask(name)?.result;
    if (result?.state !== "completed") throw new Error(`${name} has not been measured.`);
    return result.latency;
  };
  return micros.map(({ name, unit, count, official }) => {
    const { p50, rme } = latencyOf(name);
    const officialNanos = official === undefined ? undefined : (latencyOf(officialName(name)).p50 * 1e6) / count;
    const row = { name, unit, nanos: (p50 * 1e6) / count, marginPercent: rme };
    return officialNanos === undefined ? row : { ...row, officialNanos };
  });
}
