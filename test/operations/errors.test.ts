import { describe, expect, test } from "vitest";
import {
  BatchCompletionError,
  CallbackError,
  CallbackExternalError,
  CallbackSubmitterError,
  CallbackTimeoutError,
  ChildContextError,
  type DurableContext,
  DurableExecutionClientError,
  DurableExecutionClientErrorScope,
  DurableOperationError,
  InvokeError,
  isDurableError,
  isDurableExecutionClientError,
  PromiseCombinatorError,
  StepError,
  StepInterruptedError,
  WaitForConditionError,
} from "../../src/index.ts";
import { never, noise } from "../support/batching.ts";
import { type Handler, replay, runOurs } from "../support/service.ts";

const classes = [
  [StepError, "StepError", "Step failed"],
  [CallbackError, "CallbackError", "Callback failed"],
  [CallbackExternalError, "CallbackExternalError", "Callback failed"],
  [CallbackTimeoutError, "CallbackTimeoutError", "Callback timed out"],
  [CallbackSubmitterError, "CallbackSubmitterError", "Callback submitter failed"],
  [InvokeError, "InvokeError", "Invoke failed"],
  [ChildContextError, "ChildContextError", "Child context failed"],
  [PromiseCombinatorError, "PromiseCombinatorError", "Promise combinator failed"],
  [WaitForConditionError, "WaitForConditionError", "Wait for condition failed"],
] as const;

describe.each(classes)("%o", (Class, name, message) => {
  test("is an Error with a name, a type, a default message, a cause and data", () => {
    const plain = new Class();
    expect(plain).toBeInstanceOf(DurableOperationError);
    expect(plain).toBeInstanceOf(Error);
    expect([plain.name, plain.errorType, plain.message, plain.cause, plain.errorData]).toEqual([
      name,
      name,
      message,
      undefined,
      undefined,
    ]);
    const cause = new RangeError("cause");
    const full = new Class("m", cause, "data");
    expect([full.message, full.cause, full.errorData]).toEqual(["m", cause, "data"]);
  });

  test("is what its wire form is read as", () => {
    const read = DurableOperationError.fromErrorObject(new Class("m", undefined, "data").toErrorObject());
    expect(read).toBeInstanceOf(Class);
    expect([read.message, read.errorData, read.cause?.name, read.cause?.message]).toEqual(["m", "data", name, "m"]);
  });
});

describe("the wire form", () => {
  test("of another type is a StepError with a cause of that name and stack", () => {
    const read = DurableOperationError.fromErrorObject({
      ErrorType: "OrderError",
      ErrorMessage: "m",
      StackTrace: ["OrderError: m", "  at x"],
    });
    expect(read).toBeInstanceOf(StepError);
    expect([read.cause?.name, read.cause?.message, read.cause?.stack]).toEqual([
      "OrderError",
      "m",
      "OrderError: m\n  at x",
    ]);
    expect(DurableOperationError.fromErrorObject({}).message).toBe("Unknown error");
  });

  test("carries the first data found among the causes", () => {
    const inner = new InvokeError("inner", undefined, "data");
    expect(new ChildContextError("outer", new StepError("middle", inner)).toErrorObject()).toEqual({
      ErrorType: "ChildContextError",
      ErrorMessage: "outer",
      ErrorData: "data",
      StackTrace: undefined,
    });
  });

  test("ends at causes that run in a circle", () => {
    const error = new StepError("round");
    error.cause = error;
    expect(error.toErrorObject().ErrorData).toBeUndefined();
  });
});

describe("what a handler throws is answered as", () => {
  class OrderError extends Error {
    override readonly name = "OrderError";
  }
  test.each([
    [new OrderError("m"), { ErrorType: "OrderError", ErrorMessage: "m" }],
    [new InvokeError("m", undefined, "d"), { ErrorType: "InvokeError", ErrorMessage: "m", ErrorData: "d" }],
    [
      { name: "Odd", message: "m" },
      { ErrorType: "Odd", ErrorMessage: "m" },
    ],
    [{ message: "m", code: 5 }, { ErrorMessage: '{"message":"m","code":5}' }],
    [{ code: 1 }, { ErrorMessage: '{"code":1}' }],
    [new Response(), { ErrorMessage: "[object Response]" }],
    [{ big: 1n }, { ErrorMessage: "[object Object]" }],
    ["text", { ErrorMessage: "text" }],
    [404, { ErrorMessage: "404" }],
    ["", { ErrorMessage: "Unknown error" }],
    [null, { ErrorMessage: "Unknown error" }],
    [undefined, { ErrorMessage: "Unknown error" }],
  ])("%o", async (thrown, expected) => {
    const run = await runOurs(async () => {
      throw thrown;
    });
    expect(run.outcome).toEqual({ status: "FAILED", error: expected });
  });
});

test("data travels from the inner failure to the execution's", async () => {
  const run = await runOurs(async (_, context) => {
    await context.runInChildContext((inner) =>
      inner.step(
        async () => {
          throw new InvokeError("inner", undefined, "data");
        },
        { retryStrategy: () => ({ shouldRetry: false }) },
      ),
    );
  });
  expect(run.outcome.error).toMatchObject({ ErrorType: "ChildContextError", ErrorData: "data" });
});

test("a batch failed by a predicate throws a BatchCompletionError with its reason", async () => {
  const error = new BatchCompletionError("CUSTOM_COMPLETION_FAILED");
  expect([error.name, error.completionReason, error.message]).toEqual([
    "BatchCompletionError",
    "CUSTOM_COMPLETION_FAILED",
    "Batch completed as failed by shouldComplete (CUSTOM_COMPLETION_FAILED)",
  ]);
});

test("a StepInterruptedError is a plain error", () => {
  const error = new StepInterruptedError("1", "s");
  expect(error).not.toBeInstanceOf(DurableOperationError);
  expect([error.name, error.message]).toEqual([
    "StepInterruptedError",
    "The step execution process was initiated but failed to reach completion due to an interruption.",
  ]);
});

describe("an error of a client", () => {
  test("ends the invocation unless it says otherwise", () => {
    expect(new DurableExecutionClientError("m").scope).toBe("INVOCATION");
    const cause = new Error("cause");
    const error = new DurableExecutionClientError("m", { scope: DurableExecutionClientErrorScope.EXECUTION, cause });
    expect([error.scope, error.cause, error.name]).toEqual(["EXECUTION", cause, "DurableExecutionClientError"]);
  });

  test("is recognised by its members, of whatever copy of the package", () => {
    const foreign = Object.assign(new Error("m"), { isDurableExecutionClientError: true, scope: "EXECUTION" });
    expect(isDurableExecutionClientError(foreign)).toBe(true);
    expect(isDurableExecutionClientError(Object.assign(new Error("m"), { isDurableExecutionClientError: true }))).toBe(
      false,
    );
    expect(isDurableExecutionClientError({ isDurableExecutionClientError: true, scope: "EXECUTION" })).toBe(false);
    expect(isDurableExecutionClientError(undefined)).toBe(false);
  });
});

describe("an error that no operation has room for fails its item alone, live and replayed:", () => {
  const failing: [string, string, object][] = [
    ["a long message", "a step of a map", {}],
    ["a long message", "an item of a batch", { batch: 3 }],
    ["a message of escapes", "an item of a batch of small operations", { batch: { maxItems: 3, maxBytes: 2_048 } }],
  ];
  test.each(failing)("%s, %s", async (_, what, config) => {
    const message = what.includes("small") ? '"'.repeat(100_000) : "😀".repeat(100_000);
    const handler: Handler = async (_, context) => {
      const work = async (item: DurableContext, n: number) => {
        if (n === 1) throw Object.assign(new RangeError(message), { errorData: "x".repeat(40_000) });
        return item.step(async () => n);
      };
      const policy = { completionConfig: { toleratedFailureCount: 1 } };
      const batch = await context.map("m", [0, 1, 2], work, { ...policy, ...config });
      await context.wait({ seconds: 1 });
      const [error] = batch.getErrors();
      return [
        batch.successCount,
        error?.message.length,
        error?.message.slice(-30),
        /[\uD800-\uDBFF](?![\uDC00-\uDFFF])/.test(`${error?.message}`),
      ];
    };
    const run = await runOurs(handler);
    expect(run.result).toEqual([
      2,
      expect.any(Number),
      expect.stringContaining(`(${message.length.toLocaleString("en")} characters, cut)`),
      false,
    ]);
    expect((await replay(handler, run)).output).toMatchObject({ Status: "SUCCEEDED", Result: run.outcome.result });
  });
});

describe("the code of a mistake is on what a handler catches, live and on replay:", () => {
  const codesOf = async (make: (context: DurableContext) => PromiseLike<unknown>, config?: object) => {
    const codes: unknown[] = [];
    const body = async (context: DurableContext) => {
      const error = await Promise.resolve(make(context)).catch((thrown: unknown) => thrown);
      codes.push([isDurableError(error) && error.code, (error as Error).message]);
      await context.wait({ seconds: 1 });
    };
    const run = await runOurs((_, c) => (config === undefined ? body(c) : c.map([1], body, config)));
    expect(run.outcome.status).toBe("SUCCEEDED");
    expect(codes).toHaveLength(2);
    expect(codes[1]).toEqual(codes[0]);
    return codes[0];
  };
  const large = (item: DurableContext) => item.step("s", async () => noise(200_000));

  test("an item of a batch that keeps too much", async () => {
    const keeps = async (item: DurableContext) => {
      for (let step = 0; step < 6; step++) await large(item);
    };
    expect(await codesOf((c) => c.map("score", [1, 2], keeps, { batch: 2 }))).toEqual([
      "ERR_ITEM_TOO_LARGE",
      expect.stringMatching(/^Item \d of map "score" keeps \d+ characters/),
    ]);
  });

  test.each([
    [{}, 262_145],
    [{ batch: 1 }, 261_700],
  ])("a result that is too large, with what is true of the limit, of a map with %j", async (batching, size) => {
    expect(await codesOf((item) => item.step("s", async () => noise(size - 2), never), batching)).toEqual([
      "ERR_PAYLOAD_TOO_LARGE",
      `The result of Step "s" (1-1-1) is ${size} bytes; the service accepts 262144, less in a batch. Store the data ` +
        "elsewhere and return a reference to it, or return less.",
    ]);
  });

  test("a mistake inside a context", async () => {
    const make = (c: DurableContext) => c.runInChildContext((inner) => inner.wait({ seconds: -1 }));
    expect(await codesOf(make)).toEqual(["ERR_DURATION_INVALID", expect.stringContaining("{ seconds: -1 }")]);
  });
});
