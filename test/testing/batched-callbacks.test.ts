import { expect, test } from "vitest";
import { type DurableContext, withDurableExecution } from "../../src/index.ts";
import { LocalDurableTestRunner, WaitingOperationStatus } from "../../src/testing.ts";

const batches = [undefined, 1, 2, 100];
const cases = (["STARTED", "SUBMITTED"] as const).flatMap((status) => batches.map((batch) => [batch, status] as const));

test.each(cases)("a callback in an item is found by its name, batch %s, when it is %s", async (batch, status) => {
  await LocalDurableTestRunner.setupTestEnvironment({ skipTime: true });
  try {
    const submitted = new Set<number>();
    const handler = withDurableExecution(async (_event: unknown, context: DurableContext) => {
      const approve = async (item: DurableContext, _value: number, index: number) => {
        await item.step("prepare", async () => index);
        const submit = async () => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          submitted.add(index);
        };
        return item.runInChildContext((inner) => inner.waitForCallback(`approve ${index}`, submit));
      };
      const answers = await context.map("approvals", [0, 1, 2], approve, batch === undefined ? {} : { batch });
      return answers.getResults();
    });
    const runner = new LocalDurableTestRunner({ handlerFunction: handler });
    const execution = runner.run();
    for (const index of [2, 0, 1]) {
      const operation = runner.getOperation(`approve ${index}`);
      await operation.waitForData(WaitingOperationStatus[status]);
      if (status === "SUBMITTED") expect(submitted).toContain(index);
      await operation.sendCallbackSuccess(`yes ${index}`);
    }
    expect((await execution).getResult()).toEqual(["yes 0", "yes 1", "yes 2"]);
  } finally {
    await LocalDurableTestRunner.teardownTestEnvironment();
  }
});
