import { afterEach, describe, expect, test, vi } from "vitest";
import type { DurableLogData, DurableLogger, DurableLoggingContext } from "../../src/index.ts";
import { captureLogs } from "../support/output.ts";
import { type Handler, replay, runOurs } from "../support/service.ts";

const retry = { retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 1 } }) };

/** Remembers what it is told, and from where. */
class Diary implements DurableLogger {
  readonly lines: string[] = [];
  readonly data: DurableLogData[] = [];
  #context: DurableLoggingContext | undefined;

  configureDurableLoggingContext(context: DurableLoggingContext): void {
    this.#context = context;
  }
  #write(level: string, params: unknown[]): void {
    this.lines.push(`${level} ${params.join(" ")}`);
    if (this.#context !== undefined) this.data.push(this.#context.getDurableLogData());
  }
  error(...params: unknown[]): void {
    this.#write("error", params);
  }
  warn(...params: unknown[]): void {
    this.#write("warn", params);
  }
  info(...params: unknown[]): void {
    this.#write("info", params);
  }
  debug(...params: unknown[]): void {
    this.#write("debug", params);
  }
}

const messages = (lines: readonly Record<string, unknown>[]) => lines.map(({ message }) => message);

describe("the default logger", () => {
  afterEach(() => vi.unstubAllEnvs());

  test("writes one JSON line, which says where it comes from", async () => {
    const { out, err } = await captureLogs(() =>
      runOurs(async (_, context) => {
        context.logger.info("handler");
        await context.step("s", async ({ logger }) => logger.warn("step"));
        await context.runInChildContext("c", async (inner) => inner.logger.debug("child"));
      }),
    );
    const common = { requestId: "string", timestamp: "ISO 8601", executionArn: "string" };
    expect(out).toEqual([
      { ...common, level: "INFO", message: "handler" },
      { ...common, level: "DEBUG", operationId: "c81e728d9d4c2f63", operationName: "c", message: "child" },
    ]);
    expect(err).toEqual([
      {
        ...common,
        level: "WARN",
        operationId: "c4ca4238a0b92382",
        operationName: "s",
        attempt: 1,
        message: "step",
      },
    ]);
    expect(Object.keys(err[0] ?? {})).toEqual([
      "requestId",
      "timestamp",
      "level",
      "executionArn",
      "operationId",
      "operationName",
      "attempt",
      "message",
    ]);
  });

  test.each([
    ["DEBUG", ["d", "i", "w", "e"]],
    ["INFO", ["i", "w", "e"]],
    ["WARN", ["w", "e"]],
    ["ERROR", ["e"]],
    ["error", ["e"]],
    ["anything else", ["d", "i", "w", "e"]],
  ])("on level %s writes %o", async (level, expected) => {
    vi.stubEnv("AWS_LAMBDA_LOG_LEVEL", level);
    const { out, err } = await captureLogs(() =>
      runOurs(async (_, { logger }) => {
        logger.debug("d");
        logger.info("i");
        logger.warn("w");
        logger.error("e");
      }),
    );
    expect(messages([...out, ...err])).toEqual(expected);
  });
});

describe("a replay", () => {
  const handler: Handler = async (_, context) => {
    context.logger.info("begin");
    await context.step("s", async ({ logger }) => logger.info("in the step"));
    context.logger.info("after the step");
    await context.runInChildContext("c", async (inner) => inner.logger.info("in the child"));
    await context.wait({ seconds: 1 });
    context.logger.info("after the wait");
    await context.step(
      "r",
      async ({ logger, attempt }) => {
        logger.info(`attempt ${attempt}`);
        if (attempt < 3) throw new Error("again");
      },
      retry,
    );
    context.logger.info("end");
  };

  test("says nothing that was said before", async () => {
    const { out, value } = await captureLogs(() => runOurs(handler));
    expect(messages(out)).toEqual([
      "begin",
      "in the step",
      "after the step",
      "in the child",
      "after the wait",
      "attempt 1",
      "attempt 2",
      "attempt 3",
      "end",
    ]);
    const again = await captureLogs(() => replay(handler, value));
    expect(messages(again.out)).toEqual([]);
  });

  test("says it all when the logger is told not to care", async () => {
    const { out } = await captureLogs(() =>
      runOurs(async (_, context) => {
        context.configureLogger({ modeAware: false });
        context.logger.info("begin");
        await context.wait({ seconds: 1 });
        context.logger.info("end");
      }),
    );
    expect(messages(out)).toEqual(["begin", "begin", "end"]);
  });

  test("of items that finished is silent, nested in whatever", async () => {
    const { out } = await captureLogs(() =>
      runOurs(async (_, context) => {
        await context.runInChildContext(async (inner) => {
          await inner.map([1, 2], async (item, n) => item.logger.info(`item ${n}`), { maxConcurrency: 1 });
        });
        await context.wait({ seconds: 1 });
        await context.wait({ seconds: 1 });
      }),
    );
    expect(messages(out)).toEqual(["item 1", "item 2"]);
  });
});

describe("a custom logger", () => {
  test("takes the place of the default one, here and in children created later", async () => {
    const diary = new Diary();
    const { out, err } = await captureLogs(() =>
      runOurs(async (_, context) => {
        context.configureLogger({ customLogger: diary });
        context.logger.info("a", 1);
        await context.step(async ({ logger }) => logger.error("b"));
        await context.map([1], async (inner) => inner.logger.warn("c"));
        await context.runInChildContext(async (inner) => inner.step(async ({ logger }) => logger.debug("d")));
      }),
    );
    expect(diary.lines).toEqual(["info a 1", "error b", "warn c", "debug d"]);
    expect([out, err]).toEqual([[], []]);
  });

  test("learns where a line comes from, across awaits", async () => {
    const diary = new Diary();
    const run = await runOurs(async (_, context) => {
      context.configureLogger({ customLogger: diary });
      context.logger.info("");
      await Promise.all(
        ["a", "b"].map((name) =>
          context.step(name, async ({ logger }) => {
            await new Promise((resolve) => setTimeout(resolve, 2));
            logger.info("");
          }),
        ),
      );
    });
    expect(diary.data.map(({ executionArn }) => executionArn)).toEqual(Array(3).fill(run.arn));
    expect(diary.data.map(({ operationName, attempt }) => [operationName, attempt])).toEqual([
      [undefined, undefined],
      ["a", 1],
      ["b", 1],
    ]);
  });

  test("without log() is offered without it", async () => {
    const seen: string[] = [];
    await captureLogs(() =>
      runOurs(async (_, context) => {
        seen.push(typeof context.logger.log);
        context.configureLogger({ customLogger: new Diary() });
        seen.push(typeof context.logger.log);
      }),
    );
    expect(seen).toEqual(["function", "undefined"]);
  });

  test("keeps quiet in a replay as the default one does", async () => {
    const diary = new Diary();
    await runOurs(async (_, context) => {
      context.configureLogger({ customLogger: diary });
      context.logger.info("begin");
      await context.wait({ seconds: 1 });
      context.logger.info("end");
    });
    expect(diary.lines).toEqual(["info begin", "info end"]);
  });
});
