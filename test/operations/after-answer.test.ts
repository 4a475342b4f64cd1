import { afterEach, describe, expect, test, vi } from "vitest";
import type {
  CheckpointDurableExecutionResponse,
  DurableContext,
  DurableExecutionClient,
  MapConfig,
  WireOperation,
} from "../../src/index.ts";
import { indexes, later } from "../support/batching.ts";
import { pause } from "../support/gauge.ts";
import { type Handler, invokeOver, withRuntime } from "../support/service.ts";

afterEach(() => vi.restoreAllMocks());

/** How the service ends an invocation while it has things to begin. */
const ends: Record<string, () => Promise<CheckpointDurableExecutionResponse>> = {
  "an answer without a token": async () => ({ CheckpointToken: undefined, NewExecutionState: { Operations: [] } }),
  "a stale token": () =>
    Promise.reject(failure("InvalidParameterValueException", 400, "Invalid checkpoint token: stale")),
  "too many requests": () => Promise.reject(failure("TooManyRequestsException", 429, "slow down")),
  "a service that is down": () => Promise.reject(failure("ServiceException", 500, "down")),
};

function failure(name: string, httpStatusCode: number, message: string): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode } });
}

const forms: [string, Partial<MapConfig<number, unknown>>][] = [
  ["in one batch", { batch: 100 }],
  ["in batches of ten", { batch: 10 }],
  ["without batches", {}],
];

/** Runs a handler once; the service answers the request at `at`, counted from 0, so. How much began before and after. */
async function begun(
  make: (begin: () => void) => Handler,
  end: () => Promise<CheckpointDurableExecutionResponse>,
  at: number,
) {
  vi.spyOn(process.stdout, "write").mockReturnValue(true);
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  let count = 0;
  let request = -1;
  const checkpoint: DurableExecutionClient["checkpoint"] = async () => {
    request++;
    await pause(2);
    if (request >= at) return end();
    return { CheckpointToken: `token-${request}`, NewExecutionState: { Operations: [] } };
  };
  const lambda = withRuntime(make(() => void count++));
  const answer = await invokeOver(lambda, [], { client: { checkpoint } }).then(
    ({ output }) => output.Status,
    () => "rejected",
  );
  const before = count;
  await pause(40);
  return { answer, before, after: count - before };
}

describe("nothing begins once the invocation has answered because of", () => {
  const cases = Object.keys(ends).flatMap((end) => forms.map((form) => [end, ...form] as const));

  test.each(cases)("%s, with items to start %s", async (end, _form, config) => {
    const make =
      (begin: () => void): Handler =>
      async (_, context) => {
        const body = async (item: DurableContext, n: number) => {
          begin();
          await item.step(() => pause(1 + (n % 3)));
        };
        await context.map(indexes(100), body, { ...config, maxConcurrency: 10 });
      };
    const { before, after } = await begun(make, ends[end] as never, 0);
    expect([before, after]).toEqual([expect.any(Number), 0]);
    expect(before).toBeLessThan(100);
  });

  test.each(cases)("%s, with steps to start inside items %s", async (end, _form, config) => {
    const make =
      (begin: () => void): Handler =>
      async (_, context) => {
        const body = async (item: DurableContext) => {
          for (const n of indexes(30)) {
            await item.step(`${n}`, async () => {
              begin();
              await pause(1);
            });
          }
        };
        await context.map(indexes(10), body, config);
      };
    const { before, after } = await begun(make, ends[end] as never, 0);
    expect(after).toBe(0);
    expect(before).toBeLessThan(300);
  });

  test.each(Object.keys(ends))("%s, with the next attempts and waits of batched items to come", async (end) => {
    const make =
      (begin: () => void): Handler =>
      async (_, context) => {
        const body = async (item: DurableContext, n: number) => {
          if (n === 0) return item.step(() => pause(1_200));
          if (n === 1) await item.wait({ seconds: 1 });
          await item.step(async ({ attempt }) => {
            if (attempt > 1 || n === 1) begin();
            throw new Error("not yet");
          }, later(1));
        };
        await context.map(indexes(4), body, { batch: 4 });
      };
    const { before } = await begun(make, ends[end] as never, 0);
    await pause(1_100);
    expect(before).toBe(0);
  });
});

test("an answer without a token that makes a step ready begins no attempt of it", async () => {
  let attempts = 0;
  const step = (status: string): WireOperation =>
    ({
      ...{
        Id: "c4ca4238a0b92382",
        Type: "STEP",
        SubType: "Step",
        Name: "retried",
        Status: status,
        StartTimestamp: new Date(),
      },
      StepDetails: { Attempt: 1, NextAttemptTimestamp: new Date(Date.now() + 20) },
    }) as WireOperation;
  const handler: Handler = async (_, context) => {
    await context.promise.all([
      context.step("retried", async () => void attempts++, later(1)),
      context.step("busy", () => pause(100)),
    ]);
  };
  let isReady = false;
  const { output } = await invokeOver(withRuntime(handler), [step("PENDING")], {
    client: {
      checkpoint: async ({ Updates = [], CheckpointToken }) => {
        if (Updates.length > 0)
          return { CheckpointToken: `${CheckpointToken}+`, NewExecutionState: { Operations: [] } };
        isReady = true;
        return { CheckpointToken: undefined, NewExecutionState: { Operations: [step("READY")] } };
      },
    },
  });
  await pause(120);
  expect([output.Status, isReady, attempts]).toEqual(["PENDING", true, 0]);
});

// V5
test("the event loop runs while the steps of many batched items run in memory", async () => {
  let ticks = 0;
  let isOver = false;
  const tick = (): void => {
    ticks++;
    if (!isOver) setImmediate(tick);
  };
  const handler: Handler = async (_, context) => {
    setImmediate(tick);
    const body = async (item: DurableContext) => {
      for (const n of indexes(100)) await item.step(async () => n);
    };
    await context.map(indexes(256), body, { batch: 256 });
    isOver = true;
  };
  const { output } = await invokeOver(withRuntime(handler, { runtime: { tickMs: 1 } }), []);
  expect(output.Status).toBe("SUCCEEDED");
  // Each tick may last for a millisecond, and 25,600 steps last longer than twenty of them anywhere.
  expect(ticks).toBeGreaterThan(20);
});

test("the deadline fires while the steps of batched items run in memory", async () => {
  const handler: Handler = async (_, context) => {
    const body = async (item: DurableContext) => {
      for (;;) await item.step(async () => 1);
    };
    await context.map(indexes(50), body, { batch: 50 });
  };
  const lambda = withRuntime(handler, { runtime: { tickMs: 5, suspension: { graceMs: 1, reserveMs: 100 } } });
  const { output, requests } = await invokeOver(lambda, [], { remainingMs: 400 });
  expect(output).toEqual({ Status: "PENDING" });
  const kept = requests
    .flat()
    .filter(({ Payload, SubType }) => SubType?.startsWith("MapBatch") && Payload !== undefined);
  expect(kept.length).toBeGreaterThan(0);
});
