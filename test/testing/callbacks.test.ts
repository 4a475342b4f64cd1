import { describe, expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { LocalDurableTestRunner, type LocalDurableTestRunnerParameters } from "../../src/testing.ts";
import { type Handler, SDKS, withRuntime } from "../support/service.ts";

const START = new Date("2026-01-01T00:00:00Z");

type Options = Omit<LocalDurableTestRunnerParameters, "handlerFunction">;

const runnerOf = (handler: Handler, options: Options = {}) =>
  new LocalDurableTestRunner({ handlerFunction: withRuntime(handler), startTime: START, ...options });

const minutesOf = (runner: LocalDurableTestRunner) => (runner.getCurrentTime().getTime() - START.getTime()) / 60_000;

/** Some turns of the event loop, as a test takes that looks something up before it goes on. */
const aWhile = () => new Promise((resolve) => setTimeout(resolve, 30));

const coded = (code: string, message = /./) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

/** Asks for an approval, with a time-out of five minutes. */
const approval: Handler = async (_event, context: DurableContext) => {
  try {
    return await context.waitForCallback("approval", async () => {}, { timeout: { minutes: 5 } });
  } catch (error) {
    const { name, message } = error as Error;
    return `${name}: ${message}`;
  }
};

describe.for(SDKS)("callbacks of a handler of %s", ([, wrap]) => {
  const on = (handler: Handler) => new LocalDurableTestRunner({ handlerFunction: wrap(handler), startTime: START });

  // OW1
  test("a test completes a callback that it has waited for, however long it takes to do so", async () => {
    const runner = on(approval);
    const running = runner.run();
    const asked = runner.getOperation("approval");
    await asked.waitForData("SUBMITTED");
    await aWhile();
    expect([asked.getType(), asked.isWaitForCallback(), asked.getStatus()]).toEqual(["CONTEXT", true, "STARTED"]);
    expect(asked.getChildOperations()?.map((child) => [child.getType(), child.getStatus()])).toEqual([
      ["CALLBACK", "STARTED"],
      ["STEP", "SUCCEEDED"],
    ]);
    await asked.sendCallbackSuccess('{"by":"me"}');
    expect((await running).getResult()).toBe('{"by":"me"}');
    expect(asked.getCallbackDetails()).toEqual({ callbackId: expect.any(String), result: { by: "me" } });
    expect(asked.getContextDetails()?.result).toBe('{"by":"me"}');
    expect(minutesOf(runner)).toBe(0);
  });

  test("a callback that nobody asks for times out at once, without waiting", async () => {
    const runner = on(approval);
    expect((await runner.run()).getResult()).toMatch(/^CallbackTimeoutError: .*timed out/);
    expect(runner.getOperation("approval").getChildOperations()?.[0]?.getStatus()).toBe("TIMED_OUT");
    expect(minutesOf(runner)).toBe(5);
  });

  test("a callback that a test has looked at times out when the test waits for its end", async () => {
    const runner = on(approval);
    const running = runner.run();
    const asked = runner.getOperation("approval");
    await asked.waitForData("SUBMITTED");
    await aWhile();
    expect(minutesOf(runner)).toBe(0);
    await asked.waitForData("COMPLETED");
    expect(asked.getCallbackDetails()?.error).toMatchObject({ errorType: "Callback.Timeout" });
    expect((await running).getResult()).toMatch(/^CallbackTimeoutError/);
  });

  // OW1
  test.each([
    ["after", ["STARTED", "COMPLETED"]],
    ["before", ["COMPLETED", "STARTED"]],
    ["while", ["COMPLETED", "SUBMITTED"]],
  ] as const)("a callback times out if a test waits for its end %s it waits for its start", async (_when, statuses) => {
    const runner = on(approval);
    const asked = runner.getOperation("approval");
    const waiting = statuses.map((status) => asked.waitForData(status));
    const running = runner.run();
    await Promise.all(waiting);
    expect((await running).getResult()).toMatch(/^CallbackTimeoutError/);
    expect(minutesOf(runner)).toBe(5);
  });

  test("a failure is thrown in the handler with its type and message, or those of an Error", async () => {
    const causes = await Promise.all(
      [{ ErrorType: "Refused", ErrorMessage: "not today" }, new RangeError("too much"), undefined].map(
        async (error) => {
          const runner = on(async (_event, context) => {
            const [answer] = await context.createCallback("answer");
            return answer.catch((thrown: Error) => [thrown.name, thrown.message, (thrown.cause as Error)?.name]);
          });
          const running = runner.run();
          const answer = runner.getOperation("answer");
          await answer.waitForData();
          await answer.sendCallbackFailure(error);
          return (await running).getResult();
        },
      ),
    );
    expect(causes).toEqual([
      ["CallbackExternalError", "not today", "Refused"],
      ["CallbackExternalError", "too much", "RangeError"],
      ["CallbackExternalError", expect.any(String), expect.any(String)],
    ]);
  });

  test("STARTED is when the callback is there, SUBMITTED when its submitter has ended", async () => {
    let submit = () => {};
    const runner = on((_event, context) =>
      context.waitForCallback(
        "approval",
        () =>
          new Promise<void>((resolve) => {
            submit = resolve;
          }),
      ),
    );
    const running = runner.run();
    const asked = runner.getOperation("approval");
    const order: string[] = [];
    const submitted = asked.waitForData("SUBMITTED").then(() => order.push("submitted"));
    await asked.waitForData("STARTED");
    order.push("started");
    expect(asked.getCallbackDetails()?.callbackId).toEqual(expect.any(String));
    await aWhile();
    submit();
    await submitted;
    expect(order).toEqual(["started", "submitted"]);
    await asked.sendCallbackSuccess("yes");
    expect((await running).getResult()).toBe("yes");
  });
});

test("waits before a callback that a test waits for are skipped, and so is the time-out of one that it does not", async () => {
  const runner = runnerOf(async (_event, context) => {
    await context.wait({ days: 1 });
    const first = await approval({}, context);
    const [second] = await context.createCallback("escalation", { timeout: { hours: 1 } });
    return [first, await second];
  });
  const running = runner.run();
  const escalation = runner.getOperation("escalation");
  await escalation.waitForData();
  await aWhile();
  await escalation.sendCallbackSuccess("decided");
  expect((await running).getResult()).toEqual([expect.stringMatching(/^CallbackTimeoutError/), "decided"]);
  expect(minutesOf(runner)).toBe(24 * 60 + 5);
});

test("of many callbacks with one deadline those are completed that a test asks for; the others time out", async () => {
  const runner = runnerOf(async (_event, context) => {
    const batch = await context.map(
      "all",
      [0, 1, 2, 3],
      (item, n) => item.waitForCallback(`ask ${n}`, async () => {}, { timeout: { hours: 1 } }),
      { completionConfig: { toleratedFailureCount: 4 } },
    );
    return batch.all.map(({ result }) => result ?? "none");
  });
  const running = runner.run();
  const asked = [1, 3].map((n) => runner.getOperation(`ask ${n}`));
  await Promise.all(asked.map((operation) => operation.waitForData("SUBMITTED")));
  for (const [n, operation] of asked.entries()) {
    await aWhile();
    await operation.sendCallbackSuccess(`answer ${n}`);
  }
  expect((await running).getResult()).toEqual(["none", "answer 0", "none", "answer 1"]);
  expect(minutesOf(runner)).toBe(60);
});

test("a test moves time past heartbeats, and on to a time-out that it has kept from coming", async () => {
  const runner = runnerOf(async (_event, context) => {
    const [answer] = await context.createCallback("answer", { heartbeatTimeout: { minutes: 10 } });
    return answer.catch((error: Error) => error.message);
  });
  const running = runner.run();
  const answer = runner.getOperation("answer");
  await answer.waitForData();
  for (let beat = 0; beat < 3; beat++) {
    await runner.advanceTime({ minutes: 9 });
    await answer.sendCallbackHeartbeat();
  }
  expect([answer.getStatus(), minutesOf(runner)]).toEqual(["STARTED", 27]);
  await runner.advanceTime({ minutes: 10 });
  expect([answer.getStatus(), minutesOf(runner)]).toEqual(["TIMED_OUT", 37]);
  expect((await running).getResult()).toBe("Callback timed out on heartbeat");
});

test("time that is advanced does on the way what falls due, and what follows from that", async () => {
  const times: number[] = [];
  const runner: LocalDurableTestRunner = runnerOf(async (_event, context) => {
    const [open] = await context.createCallback("open", { timeout: { hours: 5 } });
    const reminding = context.runInChildContext(async (inner: DurableContext) => {
      for (let n = 0; n < 5; n++) {
        await inner.step(`remind ${n}`, async () => void times.push(minutesOf(runner)));
        await inner.wait({ hours: 2 });
      }
    });
    const answer = await open.catch((error: Error) => error.name);
    await reminding;
    return answer;
  });
  const running = runner.run();
  await runner.getOperation("open").waitForData();
  await runner.advanceTime({ minutes: 30 });
  expect([times, minutesOf(runner)]).toEqual([[0, 120, 240], 270]);
  await runner.advanceTime({ hours: 4, minutes: 30 });
  expect([times, runner.getOperation("open").getStatus()]).toEqual([[0, 120, 240, 360, 480], "TIMED_OUT"]);
  expect((await running).getResult()).toBe("CallbackTimeoutError");
  expect(minutesOf(runner)).toBe(600);
});

test("no time-out comes by itself when it is not to", async () => {
  const runner = runnerOf(approval, { skipCallbackTimeouts: false });
  const running = runner.run();
  await aWhile();
  expect(minutesOf(runner)).toBe(0);
  const asked = runner.getOperation("approval");
  expect(asked.getStatus()).toBe("STARTED");
  await runner.advanceTime({ minutes: 5 });
  expect((await running).getResult()).toMatch(/^CallbackTimeoutError/);
});

test("a callback is completed by its id, as an external system would, in functions that were invoked too", async () => {
  const mailed: string[] = [];
  const child = withRuntime((_event, context) =>
    context.waitForCallback("inner", async (id) => void mailed.push(id), { timeout: { days: 1 } }),
  );
  const runner = runnerOf((_event, context) => context.invoke("child", "child", {}), { skipCallbackTimeouts: false });
  runner.registerDurableFunction("child", child);
  const running = runner.run();
  while (mailed.length === 0) await aWhile();
  await runner.sendCallbackHeartbeat(mailed[0] as string);
  await runner.sendCallbackSuccess(mailed[0] as string, "by mail");
  expect((await running).getResult()).toBe("by mail");
  await expect(runner.sendCallbackFailure(mailed[0] as string)).rejects.toEqual(coded("ERR_EXECUTION_ENDED"));
});

describe("a mistake with a callback is named", () => {
  test("completed twice", async () => {
    const runner = runnerOf(async (_event, context) => {
      const [answer] = await context.createCallback("answer");
      const [other] = await context.createCallback("other");
      return [await answer, await other];
    });
    const running = runner.run();
    const [answer, other] = [runner.getOperation("answer"), runner.getOperation("other")];
    await answer.waitForData();
    await answer.sendCallbackSuccess("one");
    const again = coded("ERR_CALLBACK_CLOSED", /Callback "answer" is closed already \(SUCCEEDED\): .* once/);
    await expect(answer.sendCallbackSuccess("two")).rejects.toEqual(again);
    await expect(answer.sendCallbackFailure()).rejects.toEqual(again);
    await expect(answer.sendCallbackHeartbeat()).rejects.toEqual(again);
    const { callbackId } = answer.getCallbackDetails() as { callbackId: string };
    await expect(runner.sendCallbackSuccess(callbackId, "three")).rejects.toThrow(/closed already \(SUCCEEDED\)/);
    await other.waitForData();
    await other.sendCallbackSuccess("two");
    expect((await running).getResult()).toEqual(["one", "two"]);
    await expect(answer.sendCallbackSuccess("late")).rejects.toEqual(again);
  });

  test("completed before it has begun, or not a callback at all, or not with text", async () => {
    const runner = runnerOf(async (_event, context) => {
      await context.step("step", async () => 1);
      const [answer] = await context.createCallback("answer");
      return answer;
    });
    const answer = runner.getOperation("answer");
    await expect(answer.sendCallbackSuccess("early")).rejects.toEqual(
      coded("ERR_CALLBACK_NOT_STARTED", /"answer" has not begun: await waitForData\(\)/),
    );
    const running = runner.run();
    await answer.waitForData();
    await expect(runner.getOperation("step").sendCallbackSuccess("x")).rejects.toEqual(
      coded("ERR_OPERATION_TYPE", /"step" is a STEP \(Step\), not a CALLBACK/),
    );
    await expect(answer.sendCallbackSuccess({ ok: true } as never)).rejects.toEqual(
      coded("ERR_CALLBACK_RESULT_INVALID", /JSON\.stringify/),
    );
    await answer.sendCallbackSuccess();
    expect((await running).getResult()).toBeUndefined();
  });

  test("still open when the execution has ended", async () => {
    const runner = runnerOf(async (_event, context) => {
      await context.createCallback("unused");
      return "done";
    });
    await runner.run();
    await expect(runner.getOperation("unused").sendCallbackSuccess("x")).rejects.toEqual(
      coded("ERR_EXECUTION_ENDED", /has ended \(SUCCEEDED\)/),
    );
  });
});

test("a warning tells which callbacks a test that stands still waits for, and what to do", async () => {
  const warnings: string[] = [];
  const note = (warning: Error & { code?: string }) => {
    if (warning.code === "DURABLE_FANOUT_STANDSTILL") warnings.push(warning.message);
  };
  process.on("warning", note);
  const runner = runnerOf(
    async (_event, context) => {
      const asked = context.waitForCallback("approval", async () => {}, { timeout: { minutes: 5 } });
      const [answer] = await context.createCallback("answer");
      return Promise.all([asked, answer]);
    },
    { warnAfterMs: 20 },
  );
  const running = runner.run();
  const asked = runner.getOperation("approval");
  await asked.waitForData("SUBMITTED");
  while (warnings.length === 0) await aWhile();
  process.off("warning", note);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain('"approval": await waitForData("COMPLETED") to let it time out');
  expect(warnings[0]).toContain('"answer": it has no time-out');
  await asked.sendCallbackSuccess("yes");
  await runner.getOperation("answer").waitForData();
  await runner.getOperation("answer").sendCallbackSuccess("yes");
  expect((await running).getResult()).toEqual(["yes", "yes"]);
});
