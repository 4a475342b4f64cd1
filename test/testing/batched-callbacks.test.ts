import { expect, test } from "vitest";
import { type DurableContext, withDurableExecution } from "../../src/index.ts";
import { LocalDurableTestRunner, WaitingOperationStatus } from "../../src/testing.ts";

test.each([undefined, 1, 2, 100])("a callback in an item is found by its name, batch %s", async (batch) => {
  await LocalDurableTestRunner.setupTestEnvironment({ skipTime: true });
  try {
    const handler = withDurableExecution(async (_event: unknown, context: DurableContext) => {
      const approve = (item: DurableContext, _value: number, index: number) =>
        item.waitForCallback(`approve ${index}`, async () => {});
      const answers = await context.map("approvals", [0, 1, 2], approve, batch === undefined ? {} : { batch });
      return answers.getResults();
    });
    const runner = new LocalDurableTestRunner({ handlerFunction: handler });
    const execution = runner.run();
    for (const index of [2, 0, 1]) {
      const operation = runner.getOperation(`approve ${index}`);
      await operation.waitForData(WaitingOperationStatus.STARTED);
      await operation.sendCallbackSuccess(`yes ${index}`);
    }
    expect((await execution).getResult()).toEqual(["yes 0", "yes 1", "yes 2"]);
  } finally {
    await LocalDurableTestRunner.teardownTestEnvironment();
  }
});
