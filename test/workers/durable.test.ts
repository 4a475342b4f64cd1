import * as official from "@aws/durable-execution-sdk-js";
import { describe, expect, test } from "vitest";
import type { DurableContext, DurableLogger, DurableLoggingContext } from "../../src/index.ts";
import { createRetryStrategy, JitterStrategy } from "../../src/index.ts";
import type { LocalHandler } from "../../src/testing.ts";
import { WorkerCrashedError, workerStatistics } from "../../src/workers.ts";
import { captureLogs } from "../support/output.ts";
import { replay, runLambda, runOurs } from "../support/service.ts";
import { threads } from "../support/threads.ts";
import { NotReadyError } from "../support/worker-functions.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
const messages = (): number => workerStatistics()?.messages ?? 0;
const retrying = (filters: object) =>
  createRetryStrategy({ maxAttempts: 3, initialDelay: { seconds: 1 }, jitter: JitterStrategy.NONE, ...filters });

describe("a step", () => {
  const { double, fail, exit, obey } = threads();

  test("runs on a thread by one line, and its result is recorded", async () => {
    const handler = async (_: unknown, context: DurableContext) => context.step("double", () => double(21));
    const run = await runOurs(handler);
    expect(run.result).toBe(42);
    expect(run.updates.map(({ Action, Name, Payload }) => [Action, Name, Payload])).toEqual([
      ["START", "double", undefined],
      ["SUCCEED", "double", "42"],
    ]);
    const sent = messages();
    expect((await replay(handler, run)).output).toMatchObject({ Status: "SUCCEEDED", Result: "42" });
    expect(messages()).toBe(sent);
  });

  test("shows its strategy the error as if it had been thrown in place", async () => {
    const seen: unknown[] = [];
    const ask = (error: Error, attempt: number) => {
      seen.push([error.constructor.name, error.name, error.message, (error.cause as Error).message, attempt]);
      return { shouldRetry: attempt < 2, delay: { seconds: 1 } };
    };
    const run = await runOurs(async (_, context) =>
      context
        .step("s", () => fail("own class"), { retryStrategy: ask })
        .catch((error: Error) => [error.name, (error.cause as Error).name, error.message]),
    );
    expect(seen).toEqual([
      ["NotReadyError", "RangeError", "not ready", "below", 1],
      ["NotReadyError", "RangeError", "not ready", "below", 2],
    ]);
    expect(run.result).toEqual(["StepError", "RangeError", "not ready"]);
  });

  test.each([
    ["a class of the language", {}, RangeError, 3],
    ["a class of its own that is named", { errors: [NotReadyError] }, NotReadyError, 3],
    ["another class", {}, TypeError, 1],
  ])("is tried again for %s", async (_, options, type, attempts) => {
    const functions = threads(options);
    const retryableErrorTypes = [type as new () => Error];
    const run = await runOurs(async (_, context) =>
      context
        .step("s", () => functions.fail("own class"), { retryStrategy: retrying({ retryableErrorTypes }) })
        .catch(() => "failed"),
    );
    expect(run.result).toBe("failed");
    expect(run.updates.filter(({ Action }) => Action === "RETRY").length).toBe(attempts - 1);
  });

  test.each(["threads", "inline"] as const)("tells the function which attempt it is (%s)", async (mode) => {
    const { succeedAt } = threads({ mode });
    const run = await runOurs(async (_, context) => [
      await context.step("alone", () => succeedAt(2)),
      ...(await context.map([1, 3], succeedAt, { batch: 2 })).getResults(),
    ]);
    expect(run.result).toEqual([2, 1, 3]);
    expect(await succeedAt(1)).toBe(1);
  });

  test("whose thread dies is tried again by its strategy", async () => {
    const run = await runOurs(async (_, context) =>
      context.step("s", ({ attempt }) => (attempt < 3 ? exit(attempt) : double(5)), {
        retryStrategy: retrying({ retryableErrorTypes: [WorkerCrashedError] }),
      }),
    );
    expect(run.result).toBe(10);
    const errors = run.updates.flatMap(({ Error: error }) => error?.ErrorType ?? []);
    expect(errors).toEqual(["WorkerCrashedError", "WorkerCrashedError"]);
  });

  test("names the step in the error of a thread that dies", async () => {
    const run = await runOurs(async (_, context) =>
      context
        .step("resize", () => exit(1), { retryStrategy: () => ({ shouldRetry: false }) })
        .catch((error: Error) => error.message),
    );
    expect(run.result).toMatch(/while it ran exit of file:.*, in step "resize": it exited with code 1/);
  });

  test("before and after a suspension gives what it gave", async () => {
    const run = await runOurs(async (_, context) => {
      const first = await context.step("first", () => double(1));
      await context.wait({ hours: 1 });
      const [second, third] = await Promise.all([
        context.step("second", () => double(first)),
        context.step("third", () => obey({ do: "double", n: 30 })),
      ]);
      return [first, second, third];
    });
    expect(run.invocations.length).toBe(2);
    expect(run.result).toEqual([2, 4, 60]);
  });

  test("works on the official SDK as well", async () => {
    const handler = official.withDurableExecution(async (_: unknown, context) =>
      context.step("double", () => double(21)),
    );
    expect((await runLambda(handler as unknown as LocalHandler)).result).toBe(42);
  });
});

describe("a function of a map", () => {
  const { double, obey } = threads();

  test.each([{}, { nesting: "FLAT" as const }, { batch: 7 }])(
    "has the item as its argument, and gives the item's result (%j)",
    async (config) => {
      const run = await runOurs(async (_, context) => {
        const batch = await context.map("double", numbers(50), double, config);
        const sum: number = batch.getResults().reduce((total, n) => total + n, 0);
        return [sum, batch.successCount, batch.all[49]?.result];
      });
      expect(run.result).toEqual([2 * 1225, 50, 98]);
    },
  );

  test("sends a whole batch in one message", async () => {
    const before = messages();
    const run = await runOurs(
      async (_, context) => (await context.map("double", numbers(400), double, { batch: 100 })).successCount,
      { runtime: { concurrency: 400 } },
    );
    expect(run.result).toBe(400);
    expect(messages() - before).toBe(4);
  });

  test.each([{}, { batch: 10 }])("is one step, with its own retries and outcome (%j)", async (config) => {
    const items = numbers(10).map((n) => ({ do: n === 3 ? ("throw" as const) : ("double" as const), n }));
    const attempts: number[] = [];
    const strategy = (_: Error, attempt: number) => {
      attempts.push(attempt);
      return { shouldRetry: attempt < 3, delay: { seconds: 1 } };
    };
    const run = await runOurs(async (_, context) => {
      const batch = await context.map("obey", items, obey.with({ retryStrategy: strategy }), {
        ...config,
        completionConfig: { toleratedFailureCount: 10 },
      });
      return batch.all.map(({ index, status, result, error }) => [index, status, error?.message ?? result]);
    });
    expect(run.result).toEqual(numbers(10).map((n) => (n === 3 ? [n, "FAILED", "no 3"] : [n, "SUCCEEDED", n * 2])));
    expect(attempts).toEqual([1, 2, 3]);
  });

  test("fails an item alone whose thread dies, and names it", async () => {
    const items = numbers(20).map((n) => ({ do: n === 13 ? ("exit" as const) : ("double" as const), n }));
    const run = await runOurs(async (_, context) => {
      const never = obey.with({ retryStrategy: () => ({ shouldRetry: false }) });
      const batch = await context.map("obey", items, never, {
        batch: 20,
        completionConfig: { toleratedFailureCount: 1 },
      });
      return [batch.successCount, batch.getErrors().map(({ message }) => message)];
    });
    expect(run.result).toEqual([19, [expect.stringMatching(/while it ran obey of file:.*, for item 13: it exited/)]]);
  });

  test("of a batch that ends early leaves nothing behind", async () => {
    const items = numbers(30).map((n) => ({ do: n === 0 ? ("double" as const) : ("spin" as const), n: n + 1 }));
    const run = await runOurs(async (_, context) => {
      const batch = await context.map("obey", items, obey, { batch: 1, completionConfig: { minSuccessful: 1 } });
      return batch.getResults();
    });
    expect(run.result).toEqual([2]);
    while ((workerStatistics()?.running ?? 0) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await double(1)).toBe(2);
  });

  test("is replayed without a call", async () => {
    const handler = async (_: unknown, context: DurableContext) => {
      const batch = await context.map("double", numbers(40), double, { batch: 10 });
      await context.wait({ seconds: 5 });
      return batch.getResults().length;
    };
    const before = workerStatistics()?.tasks ?? 0;
    const run = await runOurs(handler);
    expect(run.invocations.length).toBe(2);
    expect(run.result).toBe(40);
    expect((workerStatistics()?.tasks ?? 0) - before).toBe(40);
  });
});

describe("a line that a function logs", () => {
  const { log, logAll, logGetter, logThenExit } = threads();

  test("comes out of the default logger with the step's id, name and attempt", async () => {
    const { out } = await captureLogs(() =>
      runOurs(async (_, context) => {
        await context.step(
          "scoring",
          ({ attempt, logger }) => {
            logger.info("from the main thread");
            if (attempt === 1) throw new Error("again");
            return log("from a thread");
          },
          { retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 1 } }) },
        );
      }),
    );
    const [, here, there] = out;
    expect(there).toEqual({ ...here, message: "from a thread" });
    expect(there).toMatchObject({ operationId: "c4ca4238a0b92382", operationName: "scoring", attempt: 2 });
  });

  test("keeps its level, and an error keeps its class", async () => {
    const { out, err } = await captureLogs(() => runOurs(async (_, context) => context.step("s", () => logAll())));
    expect(out.map(({ level, message }) => [level, message])).toEqual([
      ["DEBUG", "d"],
      ["INFO", "i { id: 1 }"],
    ]);
    expect(err.map(({ level }) => level)).toEqual(["WARN", "ERROR", "WARN"]);
    expect(err[1]).toMatchObject({ errorType: "RangeError", errorMessage: "not ready" });
  });

  test("may have an object with a getter that throws", async () => {
    const { out } = await captureLogs(() => runOurs(async (_, context) => context.step("s", () => logGetter())));
    expect(out).toEqual([expect.objectContaining({ message: "a getter { id: 1, lazy: [Getter] }" })]);
  });

  test("reaches a custom logger, and comes before the step has ended", async () => {
    const seen: unknown[] = [];
    class Diary implements DurableLogger {
      #context: DurableLoggingContext | undefined;
      configureDurableLoggingContext(context: DurableLoggingContext): void {
        this.#context = context;
      }
      info(...params: unknown[]): void {
        const data = this.#context?.getDurableLogData();
        seen.push([...params, data?.operationName, data?.attempt]);
      }
      error(): void {}
      warn(...params: unknown[]): void {
        this.info(...params);
      }
      debug(): void {}
    }
    await runOurs(async (_, context) => {
      context.configureLogger({ customLogger: new Diary() });
      await context.map([1, 2, 3], (item, n) => item.step(`s${n}`, () => log("line", n)), { maxConcurrency: 1 });
      seen.push("after the map");
      await context
        .step("dies", () => logThenExit(), { retryStrategy: () => ({ shouldRetry: false }) })
        .catch(() => {});
    });
    expect(seen).toEqual([
      ["line", 1, "s1", 1],
      ["line", 2, "s2", 1],
      ["line", 3, "s3", 1],
      "after the map",
      ["about to exit", "dies", 1],
    ]);
  });

  test("belongs to its item in a batch", async () => {
    const { out } = await captureLogs(() =>
      runOurs(async (_, context) => {
        await context.map("log", numbers(3), log, { batch: 3 });
      }),
    );
    expect(out.map(({ message, operationName, attempt }) => [message, operationName, attempt])).toEqual(
      numbers(3).map((n) => [n, "log", 1]),
    );
  });
});
