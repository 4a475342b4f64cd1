import { expect, test } from "vitest";
import type { OperationUpdate } from "../../src/index.ts";
import { StepSemantics } from "../../src/index.ts";
import { type Run, runOurs } from "../support/service.ts";

// Ids as every SDK makes them: the first 16 digits of the MD5 of the path.
const ID = {
  "1": "c4ca4238a0b92382",
  "2": "c81e728d9d4c2f63",
  "1-1": "ea66c06c1e1c05fa",
  "1-2": "98c6f2c2287f4c73",
  "1-1-1": "2f221a18eb863803",
  "1-2-1": "6151f5ab282d90e4",
} as const;

const noRetry = { retryStrategy: () => ({ shouldRetry: false }) };
const retryOnce = {
  retryStrategy: (_: Error, attempt: number) => ({ shouldRetry: attempt < 2, delay: { seconds: 1 } }),
};

const outputs = (run: Run) => run.invocations.map(({ output }) => output);
const requests = (run: Run) => run.invocations.map((invocation) => invocation.requests);

const step = (Id: string, Name: string, Action: string, rest: Partial<OperationUpdate> = {}) => ({
  Type: "STEP",
  Action,
  Id,
  SubType: "Step",
  ...rest,
  Name,
});

test("step: one request, START and SUCCEED", async () => {
  const run = await runOurs(async (_, context) => context.step("s", async () => 1));
  expect(requests(run)).toEqual([[[step(ID["1"], "s", "START"), step(ID["1"], "s", "SUCCEED", { Payload: "1" })]]]);
  expect(outputs(run)).toEqual([{ Status: "SUCCEEDED", Result: "1" }]);
});

test("a step that returns undefined succeeds without a payload", async () => {
  const run = await runOurs(async (_, context) => context.step("s", async () => undefined));
  expect(run.updates.at(-1)).toEqual(step(ID["1"], "s", "SUCCEED"));
  expect(outputs(run)).toEqual([{ Status: "SUCCEEDED" }]);
});

test("an at-most-once step takes two requests", async () => {
  const run = await runOurs(async (_, context) =>
    context.step("s", async () => 1, { semantics: StepSemantics.AtMostOncePerRetry }),
  );
  expect(requests(run)).toEqual([[[step(ID["1"], "s", "START")], [step(ID["1"], "s", "SUCCEED", { Payload: "1" })]]]);
});

test("step retry: RETRY with its delay, PENDING, and the next attempt in the next invocation", async () => {
  const run = await runOurs(async (_, context) =>
    context.step(
      "s",
      async ({ attempt }) => {
        if (attempt === 1) throw new TypeError("boom");
        return "ok2";
      },
      retryOnce,
    ),
  );
  const error = { ErrorMessage: "boom", ErrorType: "TypeError" };
  expect(requests(run)).toEqual([
    [
      [
        step(ID["1"], "s", "START"),
        step(ID["1"], "s", "RETRY", { Error: error, StepOptions: { NextAttemptDelaySeconds: 1 } }),
      ],
    ],
    [[step(ID["1"], "s", "START"), step(ID["1"], "s", "SUCCEED", { Payload: '"ok2"' })]],
  ]);
  expect(outputs(run)).toEqual([{ Status: "PENDING" }, { Status: "SUCCEEDED", Result: '"ok2"' }]);
  expect(run.invocations[1]).toMatchObject({
    updatedIds: [ID["1"]],
    recorded: [{ Id: ID["1"], Status: "READY", StepDetails: { Attempt: 1, Error: error } }],
  });
});

test("a step that fails for good, uncaught: the operation keeps the type, the handler sees a StepError", async () => {
  const run = await runOurs(async (_, context) =>
    context.step("s", async () => Promise.reject(new RangeError("nope")), noRetry),
  );
  const error = { ErrorMessage: "nope", ErrorType: "RangeError" };
  expect(requests(run)).toEqual([[[step(ID["1"], "s", "START"), step(ID["1"], "s", "FAIL", { Error: error })]]]);
  expect(outputs(run)).toEqual([{ Status: "FAILED", Error: { ErrorType: "StepError", ErrorMessage: "nope" } }]);
});

test("a handler that throws before any operation sends nothing", async () => {
  const run = await runOurs(async () => Promise.reject(new RangeError("nope")));
  expect(requests(run)).toEqual([[]]);
  expect(outputs(run)).toEqual([{ Status: "FAILED", Error: { ErrorMessage: "nope", ErrorType: "RangeError" } }]);
});

test("wait: one START, PENDING, and no request in the invocation after it", async () => {
  const run = await runOurs(async (_, context) => context.wait("w", { seconds: 1 }));
  const start = {
    Type: "WAIT",
    Action: "START",
    Id: ID["1"],
    SubType: "Wait",
    Name: "w",
    WaitOptions: { WaitSeconds: 1 },
  };
  expect(requests(run)).toEqual([[[start]], []]);
  expect(outputs(run)).toEqual([{ Status: "PENDING" }, { Status: "SUCCEEDED" }]);
  expect(run.invocations[1]).toMatchObject({
    updatedIds: [ID["1"]],
    recorded: [{ Id: ID["1"], Type: "WAIT", Status: "SUCCEEDED" }],
  });
});

const context = (Id: string, SubType: string, Name: string, Action: string, rest: Partial<OperationUpdate> = {}) => ({
  Type: "CONTEXT",
  Action,
  Id,
  SubType,
  ...rest,
  Name,
});

const items = (all: readonly object[], completionReason = "ALL_COMPLETED") => JSON.stringify({ all, completionReason });

test("map of two items, nested: item contexts around their steps", async () => {
  const run = await runOurs(async (_, ctx) =>
    ctx.map("m", ["x", "y"], (item, value, index) => item.step(`s${index}`, async () => value.toUpperCase())),
  );
  const parent = { ParentId: ID["1"] };
  const batch = items([
    { result: "X", index: 0, status: "SUCCEEDED" },
    { result: "Y", index: 1, status: "SUCCEEDED" },
  ]);
  expect(requests(run)).toEqual([
    [
      [
        context(ID["1"], "Map", "m", "START"),
        context(ID["1-1"], "MapIteration", "map-item-0", "START", parent),
        context(ID["1-2"], "MapIteration", "map-item-1", "START", parent),
        step(ID["1-1-1"], "s0", "START", { ParentId: ID["1-1"] }),
        step(ID["1-2-1"], "s1", "START", { ParentId: ID["1-2"] }),
        step(ID["1-1-1"], "s0", "SUCCEED", { ParentId: ID["1-1"], Payload: '"X"' }),
        step(ID["1-2-1"], "s1", "SUCCEED", { ParentId: ID["1-2"], Payload: '"Y"' }),
      ],
      [
        context(ID["1-1"], "MapIteration", "map-item-0", "SUCCEED", { ...parent, Payload: '"X"' }),
        context(ID["1-2"], "MapIteration", "map-item-1", "SUCCEED", { ...parent, Payload: '"Y"' }),
        context(ID["1"], "Map", "m", "SUCCEED", { Payload: batch }),
      ],
    ],
  ]);
});

test("map of two items, flat: the same ids, without item contexts, under the map itself", async () => {
  const run = await runOurs(async (_, ctx) =>
    ctx.map("m", ["x", "y"], (item, value, index) => item.step(`s${index}`, async () => value.toUpperCase()), {
      nesting: "FLAT",
    }),
  );
  const parent = { ParentId: ID["1"] };
  expect(run.invocations[0]?.requests[0]).toEqual([
    context(ID["1"], "Map", "m", "START"),
    step(ID["1-1-1"], "s0", "START", parent),
    step(ID["1-2-1"], "s1", "START", parent),
    step(ID["1-1-1"], "s0", "SUCCEED", { ...parent, Payload: '"X"' }),
    step(ID["1-2-1"], "s1", "SUCCEED", { ...parent, Payload: '"Y"' }),
  ]);
  expect(run.updates).toHaveLength(6);
});

test("an item that returns undefined has no result in the batch's payload", async () => {
  const run = await runOurs(async (_, ctx) => ctx.map("m", [1], async () => undefined));
  expect(run.updates.at(-1)?.Payload).toBe(items([{ index: 0, status: "SUCCEEDED" }]));
});

test("parallel with a branch that fails at once: what was queued is sent, the other branch stays started", async () => {
  const run = await runOurs(async (_, ctx) =>
    ctx.parallel("p", [
      {
        name: "b-one",
        func: (branch) =>
          branch.step("slow", async () => {
            // Long enough for the other branch to fail first, short enough to be queued before the batch is over.
            for (let turn = 0; turn < 3; turn++) await undefined;
            return "late";
          }),
      },
      async () => Promise.reject(new Error("bad")),
    ]),
  );
  const parent = { ParentId: ID["1"] };
  const stepError = { ErrorType: "StepError", ErrorMessage: "bad", Cause: { ErrorType: "Error", ErrorMessage: "bad" } };
  const batch = items(
    [
      { index: 0, status: "STARTED" },
      {
        error: { ErrorType: "ChildContextError", ErrorMessage: "bad", Cause: stepError },
        index: 1,
        status: "FAILED",
      },
    ],
    "FAILURE_TOLERANCE_EXCEEDED",
  );
  expect(run.updates).toEqual([
    context(ID["1"], "Parallel", "p", "START"),
    context(ID["1-1"], "ParallelBranch", "b-one", "START", parent),
    context(ID["1-2"], "ParallelBranch", "parallel-branch-1", "START", parent),
    step(ID["1-1-1"], "slow", "START", { ParentId: ID["1-1"] }),
    context(ID["1-2"], "ParallelBranch", "parallel-branch-1", "FAIL", {
      ...parent,
      Error: { ErrorMessage: "bad", ErrorType: "Error" },
    }),
    step(ID["1-1-1"], "slow", "SUCCEED", { ParentId: ID["1-1"], Payload: '"late"' }),
    context(ID["1"], "Parallel", "p", "SUCCEED", { Payload: batch }),
  ]);
  expect(run.operations.find(({ Id }) => Id === ID["1-1"])?.Status).toBe("STARTED");
});

test("a child context with a large result, then a wait: its SUCCEED waits for nobody and keeps the children", async () => {
  const half = "x".repeat(200_000);
  const run = await runOurs(async (_, ctx) => {
    const large = await ctx.runInChildContext("c", async (child) => {
      const text = await child.step("s", async () => half);
      return text + text;
    });
    await ctx.wait("w", { seconds: 1 });
    return large.length;
  });
  expect(run.result).toBe(400_000);
  expect(requests(run)).toEqual([
    [
      [
        context(ID["1"], "RunInChildContext", "c", "START"),
        step(ID["1-1"], "s", "START", { ParentId: ID["1"] }),
        step(ID["1-1"], "s", "SUCCEED", { ParentId: ID["1"], Payload: JSON.stringify(half) }),
      ],
      [
        context(ID["1"], "RunInChildContext", "c", "SUCCEED", {
          Payload: "",
          ContextOptions: { ReplayChildren: true },
        }),
        { Type: "WAIT", Action: "START", Id: ID["2"], SubType: "Wait", Name: "w", WaitOptions: { WaitSeconds: 1 } },
      ],
    ],
    [],
  ]);
  expect(run.invocations[1]?.recorded).toMatchObject([
    { Id: ID["1"], ContextDetails: { Result: "", ReplayChildren: true } },
    { Id: ID["1-1"], StepDetails: { Result: JSON.stringify(half) } },
    { Id: ID["2"], Status: "SUCCEEDED" },
  ]);
});

test("a large result of the handler goes by checkpoint, and the answer's result is empty", async () => {
  const run = await runOurs(async () => "x".repeat(6_291_406), { engine: { quotas: { inputBytes: 10_000_000 } } });
  expect(run.updates).toMatchObject([
    { Type: "EXECUTION", Action: "SUCCEED", Payload: expect.stringMatching(/^"x+"$/) },
  ]);
  expect(outputs(run)).toEqual([{ Status: "SUCCEEDED", Result: "" }]);
  expect(run.outcome).toMatchObject({ status: "SUCCEEDED" });
});

const INTERRUPTED = {
  ErrorMessage: "The step execution process was initiated but failed to reach completion due to an interruption.",
  ErrorType: "StepInterruptedError",
};

/** Cuts the first invocation off once the step's START is recorded. */
const cutAfterStart = {
  engine: { invocation: { retryPauseMs: 0 } },
  onCheckpoint: async (call: { invocation: number; request: number; forward(): Promise<never> }) => {
    if (call.invocation === 0 && call.request > 0) throw new Error("cut off");
    return call.forward();
  },
};

test("an interrupted at-most-once step fails without a retry, and is retried with one", async () => {
  const handler = (config: object) => async (_: unknown, ctx: Parameters<Parameters<typeof runOurs>[0]>[1]) =>
    ctx
      .step("s", async () => 1, { ...config, semantics: StepSemantics.AtMostOncePerRetry })
      .catch((error: unknown) => ((error as Error).cause as Error).name);
  const failed = await runOurs(handler(noRetry), cutAfterStart as never);
  expect(requests(failed)[1]).toEqual([[step(ID["1"], "s", "FAIL", { Error: INTERRUPTED })]]);
  expect(failed.result).toBe("StepInterruptedError");
  const retried = await runOurs(handler(retryOnce), cutAfterStart as never);
  expect(requests(retried)[1]).toEqual([
    [step(ID["1"], "s", "RETRY", { Error: INTERRUPTED, StepOptions: { NextAttemptDelaySeconds: 1 } })],
  ]);
  expect(retried.result).toBe(1);
});

test("an interrupted at-least-once step runs again, without another START", async () => {
  const slowly = () => new Promise((resolve) => setTimeout(resolve, 5));
  const run = await runOurs(
    async (_, ctx) =>
      ctx.step("s", async () => {
        await slowly();
        return 1;
      }),
    cutAfterStart as never,
  );
  expect(requests(run).map((sent) => sent.flat())).toEqual([
    // The second request was cut off on its way.
    [step(ID["1"], "s", "START"), step(ID["1"], "s", "SUCCEED", { Payload: "1" })],
    [step(ID["1"], "s", "SUCCEED", { Payload: "1" })],
  ]);
});
