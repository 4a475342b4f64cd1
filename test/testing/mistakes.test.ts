import { describe, expect, test } from "vitest";
import { isDurableError } from "../../src/index.ts";
import { LocalDurableTestRunner } from "../../src/testing.ts";
import { type Handler, withRuntime } from "../support/service.ts";

const runnerOf = (handler: Handler) => new LocalDurableTestRunner({ handlerFunction: withRuntime(handler) });

const coded = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

const charge: Handler = async (event: { fail?: boolean }, context) => {
  await context.step("charge", async () => 1);
  await context.step(async () => 2);
  await context.wait("settle", { days: 1 });
  if (event.fail === true) throw new RangeError("no funds");
};

describe("an operation that a test waits for in vain", () => {
  const missing =
    /Operation "refund" never began, and the execution has ended \(SUCCEEDED\)\. Its operations: "charge" \(Step\), an unnamed Step, "settle" \(Wait\)\./;

  // OW2
  test("is named when the execution ends, with the operations that there were", async () => {
    const runner = runnerOf(charge);
    const waiting = runner.getOperation("refund").waitForData();
    await runner.run();
    await expect(waiting).rejects.toEqual(coded("ERR_OPERATION_NOT_FOUND", missing));
  });

  test("is named at once when the execution has ended before", async () => {
    const runner = runnerOf(charge);
    await runner.run();
    await expect(runner.getOperation("refund").waitForData()).rejects.toEqual(
      coded("ERR_OPERATION_NOT_FOUND", missing),
    );
    await expect(runner.getOperation("charge", 1).waitForData("COMPLETED")).rejects.toEqual(
      coded("ERR_OPERATION_NOT_FOUND", /Operation "charge" \(index 1\) never began/),
    );
    await expect(runner.getOperationByIndex(7).waitForData()).rejects.toThrow(/Operation at index 7 never began/);
    await expect(runner.getOperationById("abc").waitForData()).rejects.toThrow(/Operation with id abc never began/);
    // What there was is there.
    await runner.getOperation("settle").waitForData("COMPLETED");
  });

  test("tells how the execution ended, if it failed", async () => {
    const runner = runnerOf(charge);
    await runner.run({ payload: { fail: true } });
    await expect(runner.getOperation("refund").waitForData()).rejects.toThrow(
      /has ended \(FAILED with RangeError: no funds\)/,
    );
  });

  test("tells its status if it began and did not end", async () => {
    const runner = runnerOf(async (_event, context) => {
      await context.createCallback("open");
      return "done";
    });
    const open = runner.getOperation("open");
    await runner.run();
    await open.waitForData("STARTED");
    await expect(open.waitForData("COMPLETED")).rejects.toEqual(
      coded(
        "ERR_OPERATION_INCOMPLETE",
        /Operation "open" never became COMPLETED: it was STARTED when the execution ended \(SUCCEEDED\)/,
      ),
    );
  });

  test("does not flood the message when there were many", async () => {
    const runner = runnerOf(async (_event, context) => {
      await context.map(Array.from({ length: 50 }), (item) => item.step(async () => 1));
    });
    await runner.run();
    await expect(runner.getOperation("none").waitForData()).rejects.toThrow(/and 81 more\.$/);
    const empty = runnerOf(async () => 1);
    await empty.run();
    await expect(empty.getOperation("none").waitForData()).rejects.toThrow(/It had no operations\.$/);
  });

  test("is refused if what it is to be is no status", async () => {
    const waiting = runnerOf(charge)
      .getOperation("charge")
      .waitForData("ENDED" as never);
    await expect(waiting).rejects.toEqual(
      coded("ERR_STATUS_INVALID", /"ENDED"; allowed: STARTED, SUBMITTED, COMPLETED/),
    );
  });
});

test.each([
  ["invokes", (name: string) => runnerOf((_event, context) => context.invoke("call", name, {}))],
  [
    "invokes through another function",
    (name: string) =>
      runnerOf((_event, context) => context.invoke("middle", {})).registerDurableFunction(
        "middle",
        withRuntime((_event, context) => context.invoke("call", name, {}).catch(() => "swallowed")),
      ),
  ],
])("a function that nobody has registered, and the handler %s, is a mistake of the test", async (_how, make) => {
  const runner = make("mailer:2");
  const waiting = runner.getOperation("later").waitForData();
  const message =
    /chained invoke "call" calls function "mailer:2", which is not registered.* registerFunction\("mailer:2", …\)/;
  await expect(runner.run()).rejects.toEqual(coded("ERR_FUNCTION_UNKNOWN", message));
  await expect(waiting).rejects.toEqual(coded("ERR_FUNCTION_UNKNOWN", message));
  await expect(runner.sendCallbackSuccess("any")).rejects.toEqual(coded("ERR_FUNCTION_UNKNOWN", message));
});

const endless: unknown[] = [];
endless.push(endless);

test.each<[string, unknown, RegExp]>([
  ["is no JSON", { n: 1n }, /BigInt/],
  ["points to itself", endless, /circular/i],
  ["is a function", () => 1, /it is a function/],
  ["is a symbol", Symbol("s"), /it is a symbol/],
])("a payload that %s is refused before anything runs", async (_what, payload, reason) => {
  let runs = 0;
  const runner = runnerOf(async () => ++runs);
  const refused = runner.run({ payload });
  await expect(refused).rejects.toEqual(coded("ERR_PAYLOAD_NOT_SERIALIZABLE", reason));
  await refused.catch((error) => expect(isDurableError(error)).toBe(true));
  expect((await runner.run()).getResult()).toBe(1);
});

test("a payload that is JSON arrives as it is; without one the handler gets an empty object", async () => {
  for (const payload of [null, "text", 0, [1], { nested: { a: [true] } }, undefined]) {
    const runner = runnerOf(async (event) => ({ event }));
    expect((await runner.run({ payload })).getResult()).toEqual({ event: payload === undefined ? {} : payload });
  }
});

test("a handler that is not durable is told from one that is", async () => {
  const plain = new LocalDurableTestRunner({ handlerFunction: async () => ({ total: 5 }) });
  await expect(plain.run()).rejects.toEqual(
    coded("ERR_HANDLER_NOT_DURABLE", /"function-under-test" answered \{ total: 5 \}.* withDurableExecution/),
  );
  const runner = runnerOf((_event, context) => context.invoke("child", {}));
  runner.registerDurableFunction("child", async () => undefined);
  await expect(runner.run()).rejects.toEqual(coded("ERR_HANDLER_NOT_DURABLE", /"child" answered undefined/));
});

test("what is no function at all is refused where it is given", () => {
  expect(() => new LocalDurableTestRunner({ handlerFunction: undefined as never })).toThrow(
    coded("ERR_HANDLER_INVALID", /handlerFunction is undefined, not a function/),
  );
  const runner = runnerOf(charge);
  expect(() => runner.registerFunction("f", {} as never)).toThrow(
    coded("ERR_HANDLER_INVALID", /handler of "f" is object/),
  );
  expect(() => runner.registerDurableFunction("g", null as never)).toThrow(/handler of "g" is null/);
  expect(
    () => new LocalDurableTestRunner({ handlerFunction: withRuntime(charge), quotas: { operations: -1 } }),
  ).toThrow(coded("ERR_SETTING_INVALID", /quotas\.operations is -1/));
});

test("the details of another type are refused, naming what the operation is", async () => {
  const runner = runnerOf(async (_event, context) => {
    await charge({}, context);
    await context.runInChildContext("inner", async () => 1);
  });
  const result = await runner.run();
  const settle = runner.getOperation("settle");
  const refused = (wanted: string) =>
    coded("ERR_OPERATION_TYPE", RegExp(`"settle" is a WAIT \\(Wait\\), not a ${wanted}`));
  expect(() => settle.getStepDetails()).toThrow(refused("STEP"));
  expect(() => settle.getContextDetails()).toThrow(refused("CONTEXT"));
  expect(() => settle.getChainedInvokeDetails()).toThrow(refused("CHAINED_INVOKE"));
  expect(() => settle.getCallbackDetails()).toThrow(refused("CALLBACK"));
  expect(() => runner.getOperation("inner").getWaitDetails()).toThrow(/"inner" is a CONTEXT \(RunInChildContext\)/);
  expect(() => result.getError()).toThrow(coded("ERR_EXECUTION_SUCCEEDED", /getResult/));
});

test("a promise of a wait in vain that a test drops does not end the process", async () => {
  const escaped: unknown[] = [];
  const note = (reason: unknown) => void escaped.push(reason);
  process.on("unhandledRejection", note);
  const runner = runnerOf(charge);
  void runner.getOperation("none").waitForData();
  void runner.run({ payload: 1n });
  await runner.run();
  await new Promise((resolve) => setTimeout(resolve, 5));
  process.off("unhandledRejection", note);
  expect(escaped).toEqual([]);
});

test.each<[string, (runner: LocalDurableTestRunner) => Promise<unknown>, string]>([
  ["input is too large", (runner) => runner.run({ payload: "x".repeat(6_291_456) }), "ERR_INPUT_TOO_LARGE"],
  ["payload is no JSON", (runner) => runner.run({ payload: 1n }), "ERR_PAYLOAD_NOT_SERIALIZABLE"],
  [
    "function is not durable",
    (runner) => runner.registerFunction("function-under-test", async () => 1).run(),
    "ERR_FUNCTION_NOT_DURABLE",
  ],
])("a run whose %s rejects, and so does a wait that a test has begun before", async (_what, run, code) => {
  const runner = runnerOf(charge);
  const waiting = runner.getOperation("charge").waitForData();
  const running = run(runner);
  await expect(waiting).rejects.toEqual(coded(code, /./));
  await expect(running).rejects.toBe(await waiting.catch((error) => error));
  await expect(runner.getOperation("charge").waitForData()).rejects.toEqual(coded(code, /./));
  await expect(runner.sendCallbackSuccess("any")).rejects.toEqual(coded(code, /./));
});

test.each([
  ["startTime", new Date("x"), /^startTime is "Invalid Date"; allowed: a valid Date\.$/],
  ["startTime", "2026-01-01", /^startTime is "2026-01-01"; allowed/],
  ["warnAfterMs", Number.NaN, /^warnAfterMs is NaN; allowed: 0 to 2147483647, or Infinity\.$/],
  ["warnAfterMs", -1, /^warnAfterMs is -1; allowed/],
  ["warnAfterMs", 2 ** 31, /^warnAfterMs is 2147483648; allowed/],
  ["warnAfterMs", "2000", /^warnAfterMs is "2000"; allowed/],
])("a runner refuses a bad %s (%s)", (option, value, message) => {
  const make = () => new LocalDurableTestRunner({ handlerFunction: withRuntime(charge), [option]: value });
  expect(make).toThrow(coded("ERR_SETTING_INVALID", message));
});
