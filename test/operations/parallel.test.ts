import { describe, expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { type Handler, replay, runOurs } from "../support/service.ts";

describe("a parallel", () => {
  test("runs functions and named branches, and gives their results in order", async () => {
    const handler: Handler = async (_, context) => {
      const batch = await context.parallel("p", [
        (inner: DurableContext) => inner.step(async () => "a"),
        { name: "second", func: (inner: DurableContext) => inner.step(async () => "b") },
        { func: async () => "c" },
      ]);
      return batch.getResults();
    };
    const run = await runOurs(handler);
    expect(run.result).toEqual(["a", "b", "c"]);
    expect(run.operations.flatMap(({ SubType, Name }) => (SubType === "ParallelBranch" ? Name : []))).toEqual([
      "parallel-branch-0",
      "second",
      "parallel-branch-2",
    ]);
    expect(await replay(handler, run)).toMatchObject({ requests: [] });
  });

  test("suspends when all branches wait, and goes on branch by branch", async () => {
    const run = await runOurs(async (_, context) => {
      const branch = (seconds: number) => async (inner: DurableContext) => {
        await inner.wait({ seconds });
        return seconds;
      };
      return (await context.parallel([branch(2), branch(1)])).getResults();
    });
    expect(run.result).toEqual([2, 1]);
    expect(run.invocations).toHaveLength(3);
  });

  test("goes on with the first one to end, where that is enough; a waiting branch is dropped", async () => {
    const run = await runOurs(async (_, context) => {
      const batch = await context.parallel(
        [
          (inner) => inner.wait({ seconds: 1_000 }),
          async (inner) => {
            await inner.wait({ seconds: 1 });
            return "quick";
          },
        ],
        { completionConfig: { minSuccessful: 1 } },
      );
      await context.wait({ seconds: 1 });
      return [batch.completionReason, batch.startedCount, batch.getResults()];
    });
    expect(run.result).toEqual(["MIN_SUCCESSFUL_REACHED", 1, ["quick"]]);
    expect(run.invocations).toHaveLength(3);
  });

  test("has one branch at a time with maxConcurrency 1", async () => {
    const order: string[] = [];
    const branch = (name: string) => async (inner: DurableContext) => {
      order.push(`${name} begins`);
      await inner.step(async () => order.push(`${name} works`));
      order.push(`${name} ends`);
    };
    await runOurs(async (_, context) => {
      await context.parallel([branch("a"), branch("b")], { maxConcurrency: 1 });
    });
    expect(order).toEqual(["a begins", "a works", "a ends", "b begins", "b works", "b ends"]);
  });

  test("with too large a result says so in the words of a parallel", async () => {
    const quotas = { payloadBytes: 1_024 };
    const handler: Handler = async (_, context) => {
      const batch = await context.parallel([async () => "x".repeat(600), async () => "y".repeat(600)]);
      await context.wait({ seconds: 1 });
      return batch.getResults().map((text) => text.length);
    };
    const run = await runOurs(handler, { runtime: { quotas }, engine: { quotas } });
    expect(run.result).toEqual([600, 600]);
    const succeeded = run.updates.find(({ SubType, Action }) => SubType === "Parallel" && Action === "SUCCEED");
    expect(JSON.parse(succeeded?.Payload as string)).toEqual({
      type: "ParallelResult",
      totalCount: 2,
      successCount: 2,
      failureCount: 0,
      startedCount: 0,
      completionReason: "ALL_COMPLETED",
      status: "SUCCEEDED",
      itemStatuses: "SS",
    });
  });

  test.each([
    ["no array", "branches", "Parallel operation requires an array of branch functions"],
    ["a number among them", [async () => 1, 5], "All branches must be functions or NamedParallelBranch objects"],
    ["null among them", [null], "All branches must be functions or NamedParallelBranch objects"],
    ["a name without a function", [{ name: "b" }], "All branches must be functions or NamedParallelBranch objects"],
  ])("of branches that are %s is refused, and writes nothing", async (_, branches, message) => {
    const run = await runOurs(async (_input, context) => context.parallel("p", branches as never));
    expect(run.outcome.error?.ErrorMessage).toBe(message);
    expect(run.updates).toEqual([]);
  });
});

describe("branches by name", () => {
  test("write what named branches write, and are found by name, live and on replay", async () => {
    const one = async (branch: DurableContext) => branch.step("one", async () => 1);
    const two = async () => "two";
    const three = async (): Promise<boolean> => {
      throw new Error("three");
    };
    const config = { completionConfig: { toleratedFailureCount: 1 } };
    const named: Handler = async (_, context) => {
      const batch = await context.parallel("all", { one, b: { func: two }, c: { name: "third", func: three } }, config);
      await context.wait({ seconds: 1 });
      const { one: first, b, c } = batch.byName;
      return [first?.result, b?.result, c?.error?.message, batch.successCount, Object.keys(batch)];
    };
    const list: Handler = async (_, context) => {
      const branches = [
        { name: "one", func: one },
        { name: "b", func: two },
        { name: "third", func: three },
      ];
      await context.parallel<unknown>("all", branches, config);
      await context.wait({ seconds: 1 });
    };
    const run = await runOurs(named);
    expect(run.result).toEqual([1, "two", "three", 2, ["all", "completionReason"]]);
    expect(run.updates).toEqual((await runOurs(list)).updates);
    expect((await replay(named, run)).output).toEqual({ Status: "SUCCEEDED", Result: run.outcome.result });
  });

  test("a branch that was never started has no item", async () => {
    const run = await runOurs(async (_, context) => {
      const config = { maxConcurrency: 1, completionConfig: { minSuccessful: 1 } };
      const { byName } = await context.parallel({ a: async () => 1, b: async () => 2 }, config);
      return [byName.a?.result, byName.b === undefined];
    });
    expect(run.result).toEqual([1, true]);
  });

  test.each([
    [{}, "requires an array"],
    [{ a: async () => 1, b: 5 }, 'Branch "b" of a parallel must be a function'],
    [{ a: null }, 'Branch "a" of a parallel must be a function'],
  ])("%j is refused before anything is written", async (branches, message) => {
    const run = await runOurs(async (_, context) => void (await context.parallel(branches as never)));
    expect(run.outcome.error?.ErrorMessage).toContain(message);
    expect(run.updates).toEqual([]);
  });
});
