import { afterEach, describe, expect, test, vi } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { type Case, runOn } from "../support/differential.ts";
import { captureLogs } from "../support/output.ts";

const seconds = (count: number) => ({ seconds: count });

class OrderError extends Error {
  override readonly name = "OrderError";
  readonly order = 7;
}

const everything: [string, unknown[]][] = [
  ["nothing", []],
  ["a text", ["text"]],
  ["an object", [{ a: 1, nested: { b: [1, 2] } }]],
  ["a number", [5]],
  ["null", [null]],
  ["undefined", [undefined]],
  ["an error", [new OrderError("wrong")]],
  ["a text and an error", ["failed:", new RangeError("wrong")]],
  ["a format", ["%s is %d", "x", 5, { rest: true }]],
  ["several objects", [{ a: 1 }, [1, 2]]],
  ["a function", [() => 1]],
  ["a symbol", [Symbol("s")]],
  ["a BigInt", [10n]],
  ["a cycle", [cycle()]],
];

function cycle() {
  const value: { self?: unknown } = {};
  value.self = value;
  return value;
}

const cases: Case[] = [
  ...everything.map(
    ([what, params]): Case => ({
      name: `${what}, on all levels`,
      make: () => async (_, context) => {
        context.logger.debug(...params);
        context.logger.info(...params);
        context.logger.warn(...params);
        context.logger.error(...params);
        context.logger.log?.("INFO", ...params);
      },
    }),
  ),
  {
    name: "lines from the handler, a step, a child and an item",
    make: () => async (_, context) => {
      context.logger.info("handler");
      await context.step("s", async ({ logger }) => logger.info("step"));
      await context.step(async ({ logger }) => logger.warn("unnamed step"));
      await context.runInChildContext("c", async (inner) => {
        inner.logger.info("child");
        await inner.step("in", async ({ logger }) => logger.error("step in child"));
        inner.logger.info("child again");
      });
      await context.map("m", [1, 2], async (inner) => inner.logger.info("item"), { maxConcurrency: 1 });
      await context.map("f", [1], async (inner) => inner.logger.info("flat item"), { nesting: "FLAT" });
      context.logger.info("end");
    },
  },
  {
    name: "each line of a handler that waits twice, once",
    make: () => async (_, context) => {
      context.logger.info("before");
      await context.step("s", async ({ logger }) => logger.info("step"));
      context.logger.info("after the step");
      await context.wait(seconds(1));
      context.logger.info("between");
      await context.wait(seconds(1));
      context.logger.info("after");
    },
  },
  {
    name: "lines of a child that finished before a wait",
    make: () => async (_, context) => {
      await context.runInChildContext("c", async (inner) => {
        inner.logger.info("once");
        await inner.step("s", async ({ logger }) => logger.info("once too"));
      });
      context.logger.info("after the child");
      await context.wait(seconds(1));
      context.logger.info("after the wait");
    },
  },
  {
    name: "lines of a child that is run again for its large result",
    make: () => async (_, context) => {
      await context.runInChildContext("c", async (inner) => {
        inner.logger.info("once");
        return "x".repeat(300_000);
      });
      await context.wait(seconds(1));
      context.logger.info("end");
    },
  },
  {
    name: "lines of the attempts of a step",
    make: () => async (_, context) => {
      context.logger.info("before");
      await context.step(
        "s",
        async ({ logger, attempt }) => {
          logger.info(`attempt ${attempt}`);
          if (attempt < 3) throw new Error("again");
        },
        { retryStrategy: () => ({ shouldRetry: true, delay: seconds(1) }) },
      );
      context.logger.info("after");
    },
  },
  {
    name: "a logger that does not keep quiet",
    make: () => async (_, context) => {
      context.configureLogger({ modeAware: false });
      context.logger.info("each time");
      await context.wait(seconds(1));
      context.logger.info("end");
    },
  },
  {
    name: "the parent's logger inside a child",
    make: () => async (_, context) => {
      await context.step("s", async () => context.logger.info("context's logger in a step"));
      await context.runInChildContext("c", async () => context.logger.info("parent's logger in a child"));
    },
  },
  {
    name: "a custom logger",
    make: () => async (_, context) => {
      const lines: unknown[] = [];
      const write =
        (level: string) =>
        (...params: unknown[]) =>
          lines.push([level, ...params]);
      const customLogger = {
        info: write("info"),
        warn: write("warn"),
        error: write("error"),
        debug: write("debug"),
      };
      context.configureLogger({ customLogger });
      context.logger.info("one", 1);
      context.logger.debug("two");
      const hasLog = [typeof context.logger.log];
      await context.step("s", async ({ logger }) => {
        logger.warn("three");
        hasLog.push(typeof logger.log);
      });
      await context.runInChildContext("c", async (inner) => inner.logger.error("four"));
      return { lines, hasLog };
    },
  },
  {
    name: "what a custom logger can ask for",
    make: () => async (_, context) => {
      let data: (() => object) | undefined;
      const seen: unknown[] = [];
      const look = () => {
        const { requestId, executionArn, ...rest } = (data?.() ?? {}) as Record<string, unknown>;
        const known = Object.entries(rest).filter(([, value]) => value !== undefined);
        seen.push([typeof requestId, typeof executionArn, known]);
      };
      context.configureLogger({
        customLogger: {
          info: look,
          warn: look,
          error: look,
          debug: look,
          configureDurableLoggingContext: ({ getDurableLogData }) => {
            data = getDurableLogData;
          },
        },
      });
      context.logger.info("");
      await context.step("s", async ({ logger }) => logger.info(""));
      await context.runInChildContext("c", async (inner: DurableContext) => inner.logger.info(""));
      return seen;
    },
  },
];

describe("both SDKs log the same for", () => {
  for (const testCase of cases) {
    test(testCase.name, async () => {
      const official = await captureLogs(() => runOn("official", testCase));
      const ours = await captureLogs(() => runOn("ours", testCase));
      expect([ours.out, ours.err]).toEqual([official.out, official.err]);
      // The order of members is part of a line that people read.
      expect(JSON.stringify([ours.out, ours.err])).toBe(JSON.stringify([official.out, official.err]));
      expect(ours.value.outcome).toEqual(official.value.outcome);
    });
  }

  afterEach(() => vi.unstubAllEnvs());

  for (const level of ["DEBUG", "INFO", "WARN", "ERROR", "info", "TRACE"]) {
    test(`level ${level}`, async () => {
      vi.stubEnv("AWS_LAMBDA_LOG_LEVEL", level);
      const testCase = cases[1] as Case;
      const official = await captureLogs(() => runOn("official", testCase));
      const ours = await captureLogs(() => runOn("ours", testCase));
      expect([ours.out, ours.err]).toEqual([official.out, official.err]);
    });
  }
});
