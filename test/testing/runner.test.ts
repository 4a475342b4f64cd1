import { execFileSync } from "node:child_process";
import { join } from "node:path";
import * as official from "@aws/durable-execution-sdk-js";
import { describe, expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import * as ours from "../../src/index.ts";
import * as testing from "../../src/testing.ts";
import { type DurableFunction, LocalDurableTestRunner } from "../../src/testing.ts";
import suite from "../support/testing-runner.suite.cjs";

const equal = (actual: unknown, expected: unknown) => expect(actual).toEqual(expected);
describe("with handlers of this package", () => suite({ sdk: ours, testing, describe, test, equal }));
describe("with handlers of the official SDK", () => suite({ sdk: official, testing, describe, test, equal }));

const durable = (handler: (event: never, context: DurableContext) => Promise<unknown>): DurableFunction =>
  ours.withDurableExecution(handler as never) as never;
const runnerOf = (handler: Parameters<typeof durable>[0]) =>
  new LocalDurableTestRunner({ handlerFunction: durable(handler) });

test("the suite runs under node:test as well, from the sources", () => {
  const root = join(import.meta.dirname, "../..");
  const script = `
    import { deepStrictEqual } from "node:assert";
    import { describe, test } from "node:test";
    import * as sdk from ${JSON.stringify(join(root, "src/index.ts"))};
    import * as testing from ${JSON.stringify(join(root, "src/testing.ts"))};
    import suite from ${JSON.stringify(join(root, "test/support/testing-runner.suite.cjs"))};
    suite({ sdk, testing, describe, test, equal: deepStrictEqual });`;
  const env = { ...process.env, NODE_OPTIONS: "" };
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8", env });
  expect(output).toMatch(/pass 4/);
  expect(output).toMatch(/fail 0/);
});

test("fifty runs side by side do not disturb each other, and no global is replaced", async () => {
  const { setTimeout: timer, setInterval: interval, setImmediate: immediate, Date: date } = globalThis;
  const runs = Array.from({ length: 50 }, async (_, n) => {
    const runner = runnerOf(async (event: { n: number }, ctx) => {
      const batch = await ctx.map("items", [1, 2, 3], async (item, m) => {
        await item.wait({ hours: event.n + 1 });
        return item.step(async () => event.n * m);
      });
      const answer = await ctx.waitForCallback("ask", async () => {}, { timeout: { days: 30 } });
      return [batch.getResults(), answer];
    });
    const running = runner.run({ payload: { n } });
    await (await runner.getOperation("ask").waitForData("SUBMITTED")).sendCallbackSuccess(`${n}`);
    return (await running).getResult();
  });
  expect(await Promise.all(runs)).toEqual(Array.from({ length: 50 }, (_, n) => [[n, n * 2, n * 3], `${n}`]));
  expect([globalThis.setTimeout, globalThis.setInterval, globalThis.setImmediate, globalThis.Date]).toEqual([
    timer,
    interval,
    immediate,
    date,
  ]);
});

describe("operations", () => {
  const handler = async (_event: never, ctx: DurableContext) => {
    await ctx.step("same", async () => ({ n: 1 }));
    await ctx.step("same", async () => "x".repeat(1_000));
    await ctx.runInChildContext("child", (child) => child.step("in", async () => 3));
    await ctx
      .step("bad", () => Promise.reject(new RangeError("no")), { retryStrategy: () => ({ shouldRetry: false }) })
      .catch(() => {});
  };

  test("are found by name, index and id, with their results, errors, children and events", async () => {
    const runner = runnerOf(handler);
    const result = await runner.run();
    expect(runner.getOperation("same").getStepDetails()).toEqual({ attempt: 1, result: { n: 1 } });
    // Its payload is packed; what the step gave is shown.
    expect(runner.getOperationByNameAndIndex("same", 1).getStepDetails().result).toBe("x".repeat(1_000));
    expect(runner.getOperationByIndex(2).getName()).toBe("child");
    const child = runner.getOperation("child");
    expect(child.getChildOperations().map((operation) => operation.getName())).toEqual(["in"]);
    expect(runner.getOperationById(child.getId() as string).getContextDetails()).toEqual({ result: 3 });
    expect(runner.getOperation("bad").getStepDetails().error).toMatchObject({
      errorType: "RangeError",
      errorMessage: "no",
    });
    expect(child.getEvents().map(({ EventType }) => EventType)).toEqual(["ContextStarted", "ContextSucceeded"]);
    expect(result.getOperations({ status: "FAILED" }).map((operation) => operation.getName())).toEqual(["bad"]);
    expect(result.getInvocations()).toHaveLength(1);
  });

  test("are printed as a table", async () => {
    const result = await runnerOf(handler).run();
    let printed = "";
    result.print((text) => {
      printed += text;
    });
    expect(printed).toBe(`${result.toTable()}\n`);
    expect(printed.split("\n").map((line) => line.split(/ {2,}/).slice(0, 3))).toEqual(
      expect.arrayContaining([
        ["name", "type", "status"],
        ["child", "RunInChildContext", "SUCCEEDED"],
        ["bad", "Step", "FAILED"],
      ]),
    );
  });

  test("one that never comes is reported with those that did", async () => {
    const runner = runnerOf(handler);
    const waiting = runner.getOperation("missing").waitForData();
    const [, waited] = await Promise.allSettled([runner.run(), waiting]);
    expect((waited as PromiseRejectedResult).reason).toMatchObject({
      code: "ERR_OPERATION_NOT_FOUND",
      message: expect.stringMatching(/"missing".*the execution has ended.*same, same, child, in, bad/),
    });
    expect(() => runner.getOperation("other").getStatus()).toThrow(/no operation "other".*same, same, child/);
  });
});

describe("mistakes are named", () => {
  test("a handler that is none, a payload that is not JSON, two runs at once, a result that is not there", async () => {
    expect(() => new LocalDurableTestRunner({ handlerFunction: undefined as never })).toThrow("withDurableExecution");
    const runner = runnerOf(async () => Promise.reject(new RangeError("no")));
    await expect(runner.run({ payload: 1n })).rejects.toMatchObject({ code: "ERR_PAYLOAD_INVALID" });
    const running = runner.run();
    await expect(runner.run()).rejects.toMatchObject({ code: "ERR_RUN_UNDER_WAY" });
    const result = await running;
    expect(() => result.getResult()).toThrow("The execution ended as FAILED: RangeError: no");
    expect(result.getError()).toMatchObject({ errorType: "RangeError", errorMessage: "no" });
    const succeeded = await runnerOf(async () => 1).run();
    expect(() => succeeded.getError()).toThrow("there is no error");
  });

  test("a callback completed twice, and an operation that is none", async () => {
    const runner = runnerOf(async (_event, ctx) => {
      await ctx.step("step", async () => 1);
      const [answer] = await ctx.createCallback("answer");
      return answer;
    });
    const running = runner.run();
    const answer = await runner.getOperation("answer").waitForData();
    await expect(runner.getOperation("step").sendCallbackSuccess()).rejects.toMatchObject({
      code: "ERR_OPERATION_NOT_CALLBACK",
    });
    await answer.sendCallbackSuccess({ fine: true });
    expect((await running).getResult()).toBe('{"fine":true}');
    await expect(answer.sendCallbackSuccess("again")).rejects.toMatchObject({ name: "CallbackTimeoutException" });
  });

  test("a function that is not registered fails the invoke, and says so", async () => {
    const result = await runnerOf(async (_event, ctx) => ctx.invoke("call", "unknown", {})).run();
    expect(result.getError().errorMessage).toContain("unknown");
  });
});

test("a runner runs again, and real time is there on request", async () => {
  const runner = new LocalDurableTestRunner({
    skipTime: false,
    handlerFunction: durable(async (event: { n: number }, ctx) => {
      await ctx.wait({ seconds: 1 });
      return event.n;
    }),
  });
  const before = Date.now();
  expect((await runner.run({ payload: { n: 1 } })).getResult()).toBe(1);
  expect(Date.now() - before).toBeGreaterThanOrEqual(900);
  runner.reset();
  expect((await runner.run({ payload: { n: 2 } })).getResult()).toBe(2);
});
