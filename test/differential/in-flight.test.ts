import * as official from "@aws/durable-execution-sdk-js";
import { expect, test } from "vitest";
import * as ours from "../../src/index.ts";
import { LocalEngine, type LocalHandler, VirtualClock } from "../../src/testing.ts";
import { FAST, type Handler } from "../support/service.ts";

// Suspends a dozen times: in a retry, in items, in a flat map, in a child, in a condition, in a combinator.
const handler: Handler = async (_input, context) => {
  const retried = await context.step(
    "retried",
    async ({ attempt }) => {
      if (attempt < 2) throw new Error("not yet");
      return { attempt };
    },
    { retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 1 } }) },
  );
  const large = await context.map(
    "large",
    [1, 2, 3, 4],
    async (item, n) => {
      await item.wait({ seconds: n });
      if (n === 3) throw new RangeError("three");
      return item.step(async () => "x".repeat(100_000) + n);
    },
    { completionConfig: { toleratedFailureCount: 2 } },
  );
  const flat = await context.map(
    "flat",
    [1, 2],
    async (item, n) => {
      await item.wait({ seconds: n });
      return item.step(async () => n);
    },
    { nesting: "FLAT" },
  );
  const child = await context.runInChildContext("child", async (inner) => {
    await inner.wait({ seconds: 1 });
    return inner.step(async () => ({ list: [1, 2] }));
  });
  const condition = await context.waitForCondition("condition", async (state: number) => state + 1, {
    initialState: 0,
    waitStrategy: (state) => (state >= 3 ? { shouldContinue: false } : { shouldContinue: true, delay: { seconds: 2 } }),
  });
  const both = await context.promise.all([context.step(async () => 1), context.wait({ seconds: 3 })] as never);
  return {
    retried,
    large: large.getResults().map((text) => text.length),
    reason: large.completionReason,
    errors: large
      .getErrors()
      .map(({ name, message, cause }) => [name, message, cause?.name, (cause?.cause as Error | undefined)?.name]),
    flat: flat.getResults(),
    child,
    condition,
    both: both.length,
  };
};

/** Runs the handler on the SDKs that the pattern names, one invocation after the other: O official, U ours. */
async function runMixed(pattern: string): Promise<{ outcome: unknown; invocations: number }> {
  const sdks: Record<string, LocalHandler> = {
    O: official.withDurableExecution(handler as never) as never,
    U: ours.withDurableExecution(handler, { runtime: FAST }) as never,
  };
  let invocations = 0;
  const engine = new LocalEngine({ clock: new VirtualClock() });
  engine.register("mixed", (event, context) => {
    const sdk = sdks[pattern[invocations++ % pattern.length] as string] as LocalHandler;
    return sdk(event, context);
  });
  const outcome = await engine.start({ functionName: "mixed" }).result;
  await engine.close();
  return { outcome, invocations };
}

test("executions in flight change from one SDK to the other, in any invocation, and end alike", async () => {
  const alone = await runMixed("O");
  expect(alone.outcome).toMatchObject({ status: "SUCCEEDED" });
  expect(alone.invocations).toBeGreaterThan(10);
  for (const pattern of ["U", "OU", "UO", "OOU", "UUO", "OUUUUU", "UOOOOO", "OOOOOU"]) {
    expect(await runMixed(pattern), pattern).toEqual(alone);
  }
});
