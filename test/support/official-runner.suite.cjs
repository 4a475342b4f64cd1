// Tests as users write them with the official testing library. They run in projects of their own, as ES modules under
// vitest and as CommonJS under jest, with this package under the official name and beside it.
module.exports = ({ sdk, testing, describe, test, expect, beforeAll, afterAll }) => {
  const { LocalDurableTestRunner } = testing;
  const skipTime = process.env.SKIP_TIME === "true";
  const seconds = skipTime ? 3600 : 1;

  const run = async (handler, payload = {}) => {
    const runner = new LocalDurableTestRunner({ handlerFunction: sdk.withDurableExecution(handler) });
    return { runner, execution: await runner.run({ payload }) };
  };

  describe(skipTime ? "skipping time" : "in real time", () => {
    beforeAll(() => LocalDurableTestRunner.setupTestEnvironment({ skipTime }));
    afterAll(() => LocalDurableTestRunner.teardownTestEnvironment());

    test("steps and waits", async () => {
      const { runner, execution } = await run(
        async (event, ctx) => {
          const sum = await ctx.step("sum", async () => event.a + event.b);
          await ctx.wait("pause", { seconds });
          return sum;
        },
        { a: 1, b: 2 },
      );
      expect(execution.getResult()).toBe(3);
      expect(runner.getOperation("sum").getStepDetails().result).toBe(3);
      expect(runner.getOperation("pause").getWaitDetails().waitSeconds).toBe(seconds);
    });

    test("retries", async () => {
      const { runner, execution } = await run(async (_event, ctx) =>
        ctx.step(
          "flaky",
          async ({ attempt }) => {
            if (attempt < 3) throw new Error("not yet");
            return attempt;
          },
          { retryStrategy: () => ({ shouldRetry: true, delay: { seconds } }) },
        ),
      );
      expect(execution.getResult()).toBe(3);
      expect(runner.getOperation("flaky").getStepDetails().attempt).toBe(3);
    });

    test("failures", async () => {
      const { execution } = await run(async (_event, ctx) =>
        ctx.step("doomed", () => Promise.reject(new RangeError("no")), {
          retryStrategy: () => ({ shouldRetry: false }),
        }),
      );
      expect(execution.getStatus()).toBe("FAILED");
      expect(execution.getError()).toMatchObject({ errorMessage: "no", errorType: "StepError" });
    });

    test("nested and flat maps, with waits in their items", async () => {
      const { execution } = await run(async (_event, ctx) => {
        const nested = await ctx.map("nested", [1, 2, 3], async (item, n) => {
          await item.wait({ seconds });
          return item.step("double", async () => n * 2);
        });
        const flat = await ctx.map("flat", [1, 2, 3], (item, n) => item.step("triple", async () => n * 3), {
          nesting: "FLAT",
          maxConcurrency: 2,
        });
        return [nested.getResults(), flat.getResults()];
      });
      expect(execution.getResult()).toEqual([
        [2, 4, 6],
        [3, 6, 9],
      ]);
    });

    test("a result over the payload limit, rebuilt after a wait", async () => {
      const { execution } = await run(async (_event, ctx) => {
        const large = await ctx.runInChildContext("large", async (inner) => {
          const half = await inner.step("half", async () => "x".repeat(200_000));
          return half + half;
        });
        await ctx.wait({ seconds });
        return large.length;
      });
      expect(execution.getResult()).toBe(400_000);
    });

    test("conditions, combinators and chained invokes", async () => {
      const handler = async (_event, ctx) => {
        const count = await ctx.waitForCondition("poll", async (state) => state + 1, {
          initialState: 0,
          waitStrategy: (state) =>
            state >= 3 ? { shouldContinue: false } : { shouldContinue: true, delay: { seconds } },
        });
        const both = await ctx.promise.all([ctx.step(async () => 1), ctx.step(async () => 2)]);
        return { count, both, invoked: await ctx.invoke("call", "target", { number: 4 }) };
      };
      const runner = new LocalDurableTestRunner({ handlerFunction: sdk.withDurableExecution(handler) });
      const target = async (event, ctx) => {
        await ctx.wait({ seconds });
        return event.number + 1;
      };
      runner.registerDurableFunction("target", sdk.withDurableExecution(target));
      const execution = await runner.run({ payload: {} });
      expect(execution.getResult()).toEqual({ count: 3, both: [1, 2], invoked: 5 });
    });

    test("callbacks", async () => {
      const handler = async (_event, ctx) => {
        const approved = await ctx.waitForCallback("approval", async () => {}, { timeout: { minutes: 5 } });
        const [answer] = await ctx.createCallback("answer");
        return [approved, await answer];
      };
      const runner = new LocalDurableTestRunner({ handlerFunction: sdk.withDurableExecution(handler) });
      const running = runner.run({ payload: {} });
      const approval = runner.getOperation("approval");
      await approval.waitForData("SUBMITTED");
      await approval.sendCallbackSuccess("yes");
      const answer = runner.getOperation("answer");
      await answer.waitForData("STARTED");
      await answer.sendCallbackSuccess("42");
      expect((await running).getResult()).toEqual(["yes", "42"]);
    });

    test("callbacks that fail", async () => {
      const handler = async (_event, ctx) => {
        const [answer] = await ctx.createCallback("answer", { heartbeatTimeout: { minutes: 5 } });
        const first = await answer.catch((error) => [error.name, error.message]);
        const second = await ctx
          .waitForCallback("approval", async () => {})
          .catch((error) => [error.name, error.message]);
        return { first, second };
      };
      const runner = new LocalDurableTestRunner({ handlerFunction: sdk.withDurableExecution(handler) });
      const running = runner.run({ payload: {} });
      const answer = runner.getOperation("answer");
      await answer.waitForData("STARTED");
      await answer.sendCallbackHeartbeat();
      await answer.sendCallbackFailure({ ErrorType: "Refused", ErrorMessage: "no" });
      const approval = runner.getOperation("approval");
      await approval.waitForData("SUBMITTED");
      await approval.sendCallbackFailure({ ErrorType: "Refused", ErrorMessage: "never" });
      expect((await running).getResult()).toEqual({
        first: ["CallbackExternalError", "no"],
        second: ["CallbackExternalError", "never"],
      });
    });

    test("callbacks that time out", async () => {
      const { execution } = await run(async (_event, ctx) => {
        const [answer] = await ctx.createCallback("answer", { timeout: { seconds: 1 } });
        return answer.catch((error) => [error.name, error instanceof sdk.CallbackTimeoutError]);
      });
      expect(execution.getResult()).toEqual(["CallbackTimeoutError", true]);
    });

    test("chained invokes that fail, of durable and plain functions", async () => {
      const handler = async (_event, ctx) => {
        const plain = await ctx.invoke("plain", "plain", { n: 1 });
        const failed = await ctx.invoke("failing", "failing", {}).catch((error) => [error.name, error.message]);
        return { plain, failed };
      };
      const runner = new LocalDurableTestRunner({ handlerFunction: sdk.withDurableExecution(handler) });
      runner.registerFunction("plain", async (event) => event.n + 1);
      runner.registerDurableFunction(
        "failing",
        sdk.withDurableExecution(async () => {
          throw new Error("down");
        }),
      );
      const execution = await runner.run({ payload: {} });
      expect(execution.getResult()).toEqual({ plain: 2, failed: ["InvokeError", "down"] });
    });

    test("parallel branches, early completion, and what failed", async () => {
      const { runner, execution } = await run(async (_event, ctx) => {
        const batch = await ctx.parallel(
          "branches",
          [
            { name: "good", func: (branch) => branch.step("one", async () => 1) },
            {
              name: "bad",
              func: async () => {
                throw new Error("bad");
              },
            },
          ],
          { completionConfig: { toleratedFailureCount: 1 } },
        );
        return [batch.getResults(), batch.getErrors().map(({ message }) => message), batch.completionReason];
      });
      expect(execution.getResult()).toEqual([[1], ["bad"], "ALL_COMPLETED"]);
      expect(runner.getOperation("good").getStatus()).toBe("SUCCEEDED");
      expect(runner.getOperation("bad").getStatus()).toBe("FAILED");
    });

    test("operations by index and id, history, invocations, and a printed table", async () => {
      const { runner, execution } = await run(async (_event, ctx) => {
        await ctx.step("same", async () => 1);
        await ctx.step("same", async () => 2);
        await ctx.wait("pause", { seconds });
      });
      expect(runner.getOperationByNameAndIndex("same", 1).getStepDetails().result).toBe(2);
      const byIndex = runner.getOperationByIndex(0);
      expect(byIndex.getName()).toBe("same");
      expect(runner.getOperationById(byIndex.getId()).getStepDetails().result).toBe(1);
      expect(execution.getOperations().map((operation) => operation.getName())).toEqual(["same", "same", "pause"]);
      expect(execution.getHistoryEvents().map(({ EventType }) => EventType)).toEqual(
        expect.arrayContaining(["ExecutionStarted", "StepStarted", "StepSucceeded", "WaitStarted", "WaitSucceeded"]),
      );
      expect(execution.getInvocations().length).toBeGreaterThan(0);
    });
  });
};
