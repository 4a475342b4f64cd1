import { Logger } from "@aws-lambda-powertools/logger";
import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import { Tracer } from "@aws-lambda-powertools/tracer";
import { captureLambdaHandler } from "@aws-lambda-powertools/tracer/middleware";
import middy from "@middy/core";
import { describe, expect, test } from "vitest";
import { type DurableContext, withDurableExecution } from "../../src/index.ts";
import type { LocalHandler } from "../../src/testing.ts";
import { FAST, type Handler, runLambda, runOfficial, runOurs, withRuntime } from "../support/service.ts";

/** Ways in which code around a handler wraps what the handler is given. */
const wrappers: readonly [string, <T extends object>(value: T) => T][] = [
  ["a Proxy", (value) => new Proxy(value, {})],
  ["Object.create", (value) => Object.create(value)],
  ["a Proxy around a Proxy", (value) => new Proxy(new Proxy(value, {}), {})],
  [
    "a copy with the same prototype",
    (value) => Object.assign(Object.create(Object.getPrototypeOf(value)), value) as typeof value,
  ],
];

const SILENT = { error() {}, warn() {}, info() {}, debug() {} };

/** Uses every member of a context. */
const everything: Handler = async (_, context) => {
  context.configureLogger({ customLogger: SILENT, modeAware: false });
  context.configureSerdes({});
  context.logger.debug("here");
  const step = await context.step("step", async ({ attempt, signal }) => [attempt, signal.aborted]);
  await context.wait("wait", { seconds: 1 });
  const child = await context.runInChildContext("child", (inner) => inner.step(async () => "inside"));
  const condition = await context.waitForCondition("condition", async (count: number) => count + 1, {
    initialState: 0,
    waitStrategy: (count) => (count < 2 ? { shouldContinue: true, delay: { seconds: 1 } } : { shouldContinue: false }),
  });
  const map = await context.map("map", [1, 2], (inner, item) => inner.step(async () => item));
  const batched = await context.map("batched", [1, 2], (inner, item) => inner.step(async () => item), { batch: 2 });
  const parallel = await context.parallel("parallel", [async () => 1]);
  const all = await context.promise.all("all", [context.step(async () => 1)]);
  const [, callbackId] = await context.createCallback("callback");
  return {
    ...{ step, child, condition, all, aborted: context.signal.aborted, hasId: callbackId !== "" },
    results: [map, batched, parallel].map((batch) => batch.getResults()),
    arn: context.executionContext.durableExecutionArn !== "",
    tag: Object.prototype.toString.call(context),
  };
};

test("a copy of a context's own members has the logger and what describes the execution, as officially", async () => {
  const handler: Handler = async (_, context) => {
    const logged: unknown[] = [];
    context.configureLogger({ customLogger: { ...SILENT, info: (...params: unknown[]) => void logged.push(params) } });
    const copy = { ...context, step: (name: string) => context.step(name, async () => name) };
    copy.logger.info("copied");
    return [logged, await copy.step("a"), copy.executionContext.durableExecutionArn !== ""];
  };
  const expected = [[["copied"]], "a", true];
  expect((await runOurs(handler)).result).toEqual(expected);
  expect((await runOfficial(handler)).result).toEqual(expected);
});

describe("a context works inside", () => {
  for (const [name, wrap] of wrappers) {
    test(`${name}, with every method and across suspensions`, async () => {
      const wrapped = await runOurs((input, context) => everything(input, wrap(context)));
      const plain = await runOurs(everything);
      expect(wrapped.result).toEqual(plain.result);
      expect(wrapped.updates.map(({ Id, Action }) => [Id, Action])).toEqual(
        plain.updates.map(({ Id, Action }) => [Id, Action]),
      );
    });
  }

  test("a Proxy of a child's context, of an item's and of a batched item's", async () => {
    const run = await runOurs(async (_, context) => {
      const step = (inner: DurableContext) => new Proxy(inner, {}).step(async () => "inside");
      const child = await context.runInChildContext(step);
      const maps = [await context.map([1], step), await context.map([1, 2], step, { batch: 2 })];
      return [child, ...maps.flatMap((batch) => batch.getResults())];
    });
    expect(run.result).toEqual(["inside", "inside", "inside", "inside"]);
  });
});

describe("what a context gives works inside", () => {
  for (const [name, wrap] of wrappers) {
    test(`${name}: a step's context and the result of a map`, async () => {
      const run = await runOurs(async (_, context) => {
        const batch = wrap(await context.map([1, 2], (inner, item) => inner.step(async () => item)));
        const step = await context.step(async (given) => {
          const { attempt, signal, logger } = wrap(given);
          return [attempt, signal.aborted, typeof logger.info];
        });
        const { successCount, failureCount, startedCount, totalCount, status } = batch;
        return {
          step,
          counts: [successCount, failureCount, startedCount, totalCount, status],
          all: batch.getResults(),
        };
      });
      expect(run.result).toEqual({
        step: [1, false, "function"],
        counts: [2, 0, 0, 2, "SUCCEEDED"],
        all: [1, 2],
      });
    });
  }
});

test.each([
  ["this package", runOurs],
  ["the official SDK", runOfficial],
] as const)("the logger of a context can be replaced, as with %s", async (_name, run) => {
  const { result } = await run(async (_, context) => {
    const lines: unknown[] = [];
    const own = { ...context.logger, info: (...line: unknown[]) => void lines.push(...line) };
    const inherits = Object.create(context) as DurableContext;
    inherits.logger = own;
    inherits.logger.info("of the one that inherits");
    const isOwn = context.logger === own;
    context.logger = own;
    context.logger.info("of the context");
    return [isOwn, ...lines];
  });
  expect(result).toEqual([false, "of the one that inherits", "of the context"]);
});

test("what is written to the log of a context says nothing of its inside", async () => {
  const run = await runOurs(async (_, context) => Object.keys(JSON.parse(JSON.stringify(context))));
  expect(run.result).toEqual(["lambdaContext", "executionContext", "logger"]);
});

describe("middy and Powertools", () => {
  const lines: string[] = [];
  const makeLogger = () => {
    const logger = new Logger({ serviceName: "orders" });
    const write = (line: string) => void lines.push(line);
    Object.defineProperty(logger, "console", { value: { ...console, info: write, log: write } });
    return logger;
  };

  test("run inside of a durable function, around its handler", async () => {
    const logger = makeLogger();
    const tracer = new Tracer({ serviceName: "orders", enabled: false });
    const seen: unknown[] = [];
    const handler = middy(async (_event: unknown, context: unknown) => everything(undefined, context as DurableContext))
      .use(injectLambdaContext(logger))
      .use(captureLambdaHandler(tracer))
      .use({
        before: ({ context }) => {
          // As middy's own mode for durable functions does.
          const durable = context as unknown as DurableContext & Record<string, unknown>;
          const { executionContext, lambdaContext } = durable as unknown as Record<string, Record<string, unknown>>;
          durable["tenantId"] = executionContext?.["tenantId"];
          for (const key of ["functionName", "awsRequestId", "getRemainingTimeInMillis"])
            durable[key] = lambdaContext?.[key];
          seen.push(durable["awsRequestId"] !== undefined);
        },
        after: ({ response }) => void seen.push((response as { child: string }).child),
      });
    const run = await runOurs(handler as unknown as Handler);
    const plain = await runOurs(everything);
    expect(run.result).toEqual(plain.result);
    expect(seen.at(0)).toBe(true);
    expect(seen.at(-1)).toBe("inside");
  });

  test("run around a durable function", async () => {
    const logger = makeLogger();
    lines.length = 0;
    const durable = withRuntime(async (input, context) => {
      await context.step("charge", async () => logger.info("charging"));
      return everything(input, context);
    });
    const around = middy(durable as never).use(injectLambdaContext(logger));
    const run = await runLambda(around as unknown as LocalHandler);
    expect(run.result).toMatchObject({ child: "inside" });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ message: "charging", function_name: "function" }]);
  });

  test("are a durable function together, by an execution mode of middy", async () => {
    // What `executionModeDurableContext` of @middy/core does, which imports the official name.
    const mode = (
      { middyRequest, runRequest }: Record<string, (...args: unknown[]) => unknown>,
      before: unknown,
      handler: unknown,
      ...rest: unknown[]
    ) =>
      withDurableExecution(
        async (event: unknown, context: DurableContext) =>
          runRequest?.(middyRequest?.(event, context), before, handler, ...rest),
        { runtime: FAST },
      );
    const handler = middy(everything as never, { executionMode: mode } as never);
    const run = await runLambda(handler as unknown as LocalHandler);
    expect(run.result).toMatchObject({ child: "inside", tag: "[object DurableContext]" });
  });

  test("Powertools' logger is a context's own, and knows its operation", async () => {
    const logger = makeLogger();
    lines.length = 0;
    await runOurs(async (_, context) => {
      context.configureLogger({ customLogger: logger as never });
      context.logger.info("from the handler");
      await context.step("charge", async (step) => step.logger.info("from the step"));
    });
    expect(lines.map((line) => JSON.parse(line).message)).toEqual(["from the handler", "from the step"]);
  });
});
