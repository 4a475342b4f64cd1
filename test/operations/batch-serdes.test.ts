import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ChildContextError, createFileSystemSerdes, type DurableContext, defaultSerdes } from "../../src/index.ts";
import { describeError } from "../support/differential.ts";
import { replay, runOurs } from "../support/service.ts";

const folder = mkdtempSync(join(tmpdir(), "durable-fanout-"));
afterAll(() => rmSync(folder, { recursive: true }));

const never = () => ({ shouldRetry: false });

class OutOfStock extends Error {
  override readonly name = "OutOfStock";
}

/** Keeps errors as errors, as libraries for more than JSON do. */
const errorKeeping = {
  serialize: async (value: unknown) =>
    JSON.stringify(value, (_key, member) =>
      member instanceof Error ? { $error: [member.name, member.message] } : member,
    ),
  deserialize: async (text: string | undefined) =>
    JSON.parse(text as string, (_key, member) =>
      member?.$error ? Object.assign(new Error(member.$error[1]), { name: member.$error[0] }) : member,
    ),
};

const body = async (inner: DurableContext, item: number) => {
  if (item === 1) throw new OutOfStock("none left");
  return inner.step(() => (item === 2 ? Promise.reject(new RangeError("far off")) : Promise.resolve(item)), {
    retryStrategy: never,
  });
};

const errorsOf = (config: object) => async (_: unknown, context: DurableContext) => {
  const batch = await context.map([1, 2, 3], body, { ...config, completionConfig: { toleratedFailureCount: 2 } });
  let thrown: unknown;
  try {
    batch.throwIfError();
  } catch (error) {
    thrown = describeError(error);
  }
  const classes = batch.getErrors().map((error) => error instanceof ChildContextError);
  return [classes, batch.getErrors().map(describeError), thrown, batch.getResults(), batch.failureCount];
};

describe.each([{}, { nesting: "FLAT" }, { batch: 2 }])("the errors of a map (%j)", (batching) => {
  test.each([
    ["the default serdes", defaultSerdes],
    ["files", createFileSystemSerdes(folder)],
  ])("are by a serdes of its own as without one: %s", async (_name, serdes) => {
    const without = await runOurs(errorsOf(batching));
    const handler = errorsOf({ ...batching, serdes });
    const run = await runOurs(handler);
    expect(run.result).toEqual(without.result);
    expect((run.result as unknown[]).slice(0, 2)).toMatchObject([
      [true, true],
      [{ message: "none left" }, { message: "far off" }],
    ]);
    expect((await replay(handler, run)).output).toMatchObject({ Result: JSON.stringify(run.result) });
  });

  test("have their class and message by a serdes that makes errors itself", async () => {
    const run = await runOurs(errorsOf({ ...batching, serdes: errorKeeping }));
    expect((run.result as unknown[]).slice(0, 2)).toMatchObject([
      [true, true],
      [{ message: "none left" }, { message: "far off" }],
    ]);
  });
});

test("of an error that was recorded as JSON leaves it comes an error of its class", async () => {
  const recorded = {
    Id: "c4ca4238a0b92382",
    Type: "CONTEXT",
    SubType: "Map",
    Status: "SUCCEEDED",
    StartTimestamp: new Date(),
    ContextDetails: {
      Result: JSON.stringify({
        all: [
          {
            error: { name: "ChildContextError", cause: { name: "StepError" }, errorType: "ChildContextError" },
            index: 0,
            status: "FAILED",
          },
        ],
        completionReason: "ALL_COMPLETED",
      }),
    },
  };
  const run = await replay(
    async (_, context) => {
      const batch = await context.map([1], async () => 1, { serdes: defaultSerdes });
      return batch.getErrors().map((error) => [error instanceof ChildContextError, error.message]);
    },
    { operations: [recorded] } as never,
  );
  expect(run.output).toEqual({ Status: "SUCCEEDED", Result: '[[true,"Child context failed"]]' });
});
