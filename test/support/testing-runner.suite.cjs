// Tests of the test runner itself, in a form that every test framework takes: vitest, jest and node:test.
module.exports = ({ sdk, testing, describe, test, equal }) => {
  const { LocalDurableTestRunner } = testing;
  const { withDurableExecution } = sdk;
  const day = { days: 1 };

  describe("the test runner", () => {
    test("runs to the end, over waits of days", async () => {
      const runner = new LocalDurableTestRunner({
        handlerFunction: withDurableExecution(async (event, ctx) => {
          const sum = await ctx.step("sum", async () => event.a + event.b);
          await ctx.wait("pause", day);
          return { sum };
        }),
      });
      const result = await runner.run({ payload: { a: 1, b: 2 } });
      equal(result.getStatus(), "SUCCEEDED");
      equal(result.getResult(), { sum: 3 });
      equal(runner.getOperation("sum").getStepDetails().result, 3);
      equal(runner.getOperation("pause").getWaitDetails().waitSeconds, 86_400);
    });

    test("completes callbacks", async () => {
      const runner = new LocalDurableTestRunner({
        handlerFunction: withDurableExecution(async (_event, ctx) => {
          const answer = await ctx.waitForCallback("approval", async () => {}, { timeout: day });
          return answer;
        }),
      });
      const running = runner.run();
      const approval = await runner.getOperation("approval").waitForData("SUBMITTED");
      await new Promise((resolve) => setTimeout(resolve, 20));
      await approval.sendCallbackSuccess("yes");
      equal((await running).getResult(), "yes");
    });

    test("lets callbacks time out that nobody waits for", async () => {
      const runner = new LocalDurableTestRunner({
        handlerFunction: withDurableExecution(async (_event, ctx) => {
          const [answer] = await ctx.createCallback("answer", { timeout: day });
          return answer.catch((error) => error.name);
        }),
      });
      equal((await runner.run()).getResult(), "CallbackTimeoutError");
      equal(runner.getOperation("answer").getStatus(), "TIMED_OUT");
    });

    test("calls registered functions", async () => {
      const runner = new LocalDurableTestRunner({
        handlerFunction: withDurableExecution(async (_event, ctx) => [
          await ctx.invoke("a", "plain:live", { n: 1 }),
          await ctx.invoke("b", "durable", { n: 2 }),
        ]),
      });
      runner.registerFunction("plain", ({ n }) => n + 10);
      runner.registerDurableFunction(
        "durable",
        withDurableExecution(async ({ n }, ctx) => {
          await ctx.wait(day);
          return n + 20;
        }),
      );
      equal((await runner.run()).getResult(), [11, 22]);
    });
  });
};
