import { expect, test } from "vitest";
import { LocalEngine, type LocalSettingsOptions } from "../../src/testing.ts";
import { runRaw, step } from "../support/raw-invocation.ts";

const refused = (message: RegExp) =>
  expect.objectContaining({
    name: "InvalidParameterValueException",
    $metadata: { httpStatusCode: 400 },
    message: expect.stringMatching(message),
  });

const steps = (from: number, count: number, Payload = "1") =>
  Array.from({ length: count }, (_, at) => step(`s${from + at}`, "SUCCEED", { Payload }));

test("an execution has 3,000 operations at most, unless that is moved", async () => {
  await runRaw([
    async (invocation) => {
      for (let from = 0; from < 3_000; from += 250) await invocation.checkpoint(steps(from, 250));
      await expect(invocation.checkpoint(steps(3_000, 1))).rejects.toEqual(refused(/3001 operations.*3000/));
    },
  ]);
  await runRaw(
    [
      async (invocation) => {
        await invocation.checkpoint(steps(0, 3_001));
      },
    ],
    { quotas: { operations: Number.POSITIVE_INFINITY } },
  );
});

test("an operation that is known may still end when the quota is used up", async () => {
  await runRaw(
    [
      async (invocation) => {
        await invocation.checkpoint([step("a", "START"), step("b", "START")]);
        await expect(invocation.checkpoint([step("c", "START")])).rejects.toEqual(refused(/3 operations.*quota is 2/));
        await invocation.checkpoint([step("a", "SUCCEED"), step("b", "SUCCEED")]);
      },
    ],
    { quotas: { operations: 2 } },
  );
});

test("the bytes that an execution writes are counted over its whole life", async () => {
  await runRaw(
    [
      async (invocation) => {
        await invocation.checkpoint(steps(0, 1, "x".repeat(600)));
        await expect(invocation.checkpoint(steps(1, 1, "x".repeat(500)))).rejects.toEqual(
          refused(/bytes of data.*1000/),
        );
        await invocation.checkpoint(steps(1, 1, "x".repeat(300)));
      },
    ],
    { quotas: { dataBytes: 1_000 } },
    { input: JSON.stringify("x".repeat(98)) },
  );
});

test("an input over the limit is refused at the start, and so is one that is no JSON", () => {
  const engine = new LocalEngine({ quotas: { inputBytes: 10 } });
  engine.register("f", async () => ({ Status: "SUCCEEDED" }));
  const start = (input: string) => () => engine.start({ functionName: "f", input });
  expect(start('"123456789"')).toThrow(expect.objectContaining({ code: "ERR_INPUT_TOO_LARGE" }));
  expect(start("{a:1}")).toThrow(expect.objectContaining({ code: "ERR_INPUT_INVALID" }));
  expect(engine.list()).toEqual([]);
});

test.for<[LocalSettingsOptions, RegExp]>([
  [{ quotas: { operations: -1 } }, /quotas\.operations is -1/],
  [{ latencyMs: { checkpoint: Number.NaN } }, /latencyMs\.checkpoint is NaN/],
  // `setTimeout` would make the delay almost nothing.
  [
    { latencyMs: { checkpoint: Number.POSITIVE_INFINITY } },
    /latencyMs\.checkpoint is Infinity; allowed: 0 to 2,147,483,647\./,
  ],
  [{ latencyMs: { getState: 2 ** 31 } }, /latencyMs\.getState is 2147483648/],
  [
    { invocation: { maxFailures: "5" as unknown as number } },
    /invocation\.maxFailures is "5"; allowed: 0 or more, or Infinity\./,
  ],
])("the setting %j is refused by name", ([options, message]) => {
  expect(() => new LocalEngine(options)).toThrow(expect.objectContaining({ code: "ERR_SETTING_INVALID" }));
  expect(() => new LocalEngine(options)).toThrow(message);
});
