// Tests as users write them with Node's own test runner; they are run by `node --test`, from the sources.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type DurableContext, withDurableExecution } from "../../src/index.ts";
import { LocalDurableTestRunner } from "../../src/testing.ts";

const DAY_MS = 86_400_000;

const handler = withDurableExecution(async ({ n }: { n: number }, context: DurableContext) => {
  const doubled = await context.step("double", async () => n * 2);
  await context.wait("pause", { days: n + 1 });
  const approved = await context
    .waitForCallback("approval", async () => {}, { timeout: { hours: 1 } })
    .catch((error: Error) => error.name);
  return { doubled, approved };
});

describe("a handler", { concurrency: true }, () => {
  for (let n = 0; n < 50; n++) {
    test(`number ${n} of fifty at once`, async () => {
      const startTime = new Date("2026-01-01T00:00:00Z");
      const runner = new LocalDurableTestRunner<{ doubled: number; approved: string }>({
        handlerFunction: handler,
        startTime,
      });
      const running = runner.run({ payload: { n } });
      if (n % 2 === 0) {
        const approval = runner.getOperation("approval");
        await approval.waitForData("SUBMITTED");
        await approval.sendCallbackSuccess(`yes ${n}`);
      }
      const result = await running;
      const approved = n % 2 === 0 ? `yes ${n}` : "CallbackTimeoutError";
      assert.deepEqual(result.getResult(), { doubled: n * 2, approved });
      const passedMs = runner.getCurrentTime().getTime() - startTime.getTime();
      assert.equal(passedMs, (n + 1) * DAY_MS + (n % 2 === 0 ? 0 : 3_600_000));
    });
  }

  test("an operation that never appears is named", async () => {
    const runner = new LocalDurableTestRunner({ handlerFunction: handler });
    const missing = runner.getOperation("refund").waitForData();
    await runner.run({ payload: { n: 1 } });
    await assert.rejects(missing, { code: "ERR_OPERATION_NOT_FOUND", message: /"double" \(Step\), "pause" \(Wait\)/ });
  });
});
