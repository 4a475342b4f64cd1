import { expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { InvokeError } from "../../src/index.ts";
import { replay, runOurs } from "../support/service.ts";

test.each([{}, { batch: 2 }])(
  "an invoke whose input is over the limit fails, and can be caught (%j)",
  async (batching) => {
    const lines: unknown[] = [];
    const logger = { error() {}, warn() {}, debug() {}, info: (line: unknown) => void lines.push(line) };
    const handler = async (_: unknown, context: DurableContext) => {
      context.configureLogger({ customLogger: logger });
      const batch = await context.map(
        [1],
        async (inner) => {
          await inner.step("prepare", async () => 1);
          const error = await inner
            .invoke("big", "target", { text: "x".repeat(300_000) })
            .catch((thrown: Error) => thrown);
          inner.logger.info("falls back");
          const stored = await inner.step("store", async () => "s3://bucket/key");
          await inner.wait({ seconds: 1 });
          await inner.wait({ seconds: 1 });
          const { name, message, cause } = error as Error & { cause: Error };
          return [error instanceof InvokeError, name, message, cause.name, stored];
        },
        batching,
      );
      return batch.getResults()[0];
    };
    const run = await runOurs(handler);
    expect(run.result).toEqual([
      true,
      "InvokeError",
      'The input of ChainedInvoke "big" (1-1-2) is 300011 bytes; the service accepts 262144. Store the data elsewhere and ' +
        "return a reference to it, or return less.",
      "PayloadTooLargeError",
      "s3://bucket/key",
    ]);
    expect(run.updates.some(({ Type }) => Type === "CHAINED_INVOKE")).toBe(false);
    expect(lines).toEqual(["falls back"]);
    expect((await replay(handler, run)).output).toMatchObject({ Result: JSON.stringify(run.result) });
  },
);

test("an invoke whose input JSON refuses fails, and can be caught", async () => {
  const run = await runOurs(async (_, context) =>
    context.invoke("sum", "target", { rows: [1n] }).catch((error: Error) => [error.name, error.message]),
  );
  expect(run.result).toEqual([
    "InvokeError",
    'The input of ChainedInvoke "sum" (1) cannot be stored: input.rows[0] is a BigInt. The serdes writes JSON: give it ' +
      "text instead.",
  ]);
});

test("an invoke with an input at the limit goes out", async () => {
  const run = await runOurs(
    async (_, context) => (await context.invoke<string, string>("i", "target", "x".repeat(262_142))).length,
    { onEngine: (local) => local.registerFunction("target", (input) => input) },
  );
  expect(run.result).toBe(262_142);
});

test("an error of the handler's own that no response has room for is cut", async () => {
  const run = await runOurs(async () => {
    throw new RangeError("ä".repeat(3_500_000));
  });
  const { ErrorType, ErrorMessage = "" } = run.outcome.error ?? {};
  expect(run.invocations).toHaveLength(1);
  expect([run.outcome.status, ErrorType]).toEqual(["FAILED", "RangeError"]);
  expect(ErrorMessage).toMatch(/^ä{3000000,} … \(3,500,000 characters, cut\)$/);
  expect(Buffer.byteLength(JSON.stringify(run.outcome.error))).toBeLessThan(6 * 1024 * 1024);
});

test("an error of the handler's own that fits is whole", async () => {
  const message = "x".repeat(1_000_000);
  const run = await runOurs(async () => {
    throw new RangeError(message);
  });
  expect(run.outcome.error).toEqual({ ErrorType: "RangeError", ErrorMessage: message });
});
